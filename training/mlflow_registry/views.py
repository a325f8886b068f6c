"""How MLflow's page of an experiment opens: views that are kept as tags of the experiment.

MLflow's own view shows no score until columns are chosen by hand. A link with `viewStateShareKey=NAME` opens the view
that the tag `mlflow.sharedViewState.NAME` holds, as its button *Share* makes them.
"""

import json
from collections.abc import Sequence
from typing import Any

TAG = "mlflow.sharedViewState."
# All runs, with the scores as columns; and the recipes of the last comparison beside one another.
SCORES, COMPARISON = "scores", "comparison"
SCORE_COLUMNS = ("interval_score", "skill_over_last_252", "coverage", "mae_ratio")
TAG_COLUMNS = ("decision", "source")
# Charts of the comparison, one bar for each recipe and horizon: scores, then what they cost.
CHARTS = ("gain_percent", "interval_score", "coverage", "crps", "seconds", "onnx_bytes")


def scores_view() -> str:
    """All runs, newest first."""
    columns = [*(f"metrics.`{name}`" for name in SCORE_COLUMNS), *(f"tags.`{name}`" for name in TAG_COLUMNS)]
    return _view("", columns)


def comparison_view(run_id: str, horizons: Sequence[int]) -> str:
    """The runs below the comparison `run_id`, grouped by recipe and, where there are several, by horizon."""
    keys = [{"mode": "param", "groupByData": "recipe"}]
    if len(horizons) > 1:
        keys.append({"mode": "param", "groupByData": "horizon"})
    return _view(
        f"tags.`mlflow.parentRunId` = '{run_id}'",
        [f"metrics.`{name}`" for name in CHARTS],
        groupBy={"aggregateFunction": "average", "groupByKeys": keys},
        useGroupedValuesInCharts=True,
        compareRunSections=[{"uuid": "scores", "name": "Recipes", "display": True, "isReordered": False}],
        compareRunCharts=[_bars(name) for name in CHARTS],
    )


def page_of(experiment_id: str, view: str = SCORES) -> str:
    """Path of a view in MLflow's UI."""
    shown = "&compareRunsMode=CHART" if view == COMPARISON else ""
    return f"/#/experiments/{experiment_id}/runs?viewStateShareKey={view}{shown}&workflowType=machine_learning"


def _view(search: str, columns: Sequence[str], **more: Any) -> str:
    state = {
        "searchFilter": search,
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(columns),
    }
    return json.dumps(state | more)


def _bars(metric: str) -> dict[str, Any]:
    return {
        "uuid": metric,
        "type": "BAR",
        "runsCountToCompare": 20,
        "metricSectionId": "scores",
        "deleted": False,
        "isGenerated": False,
        "metricKey": metric,
        "dataAccessKey": metric,
    }
