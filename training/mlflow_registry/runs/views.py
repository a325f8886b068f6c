"""How MLflow's page of an experiment opens: views that are kept as tags of the experiment.

MLflow's own view shows no score until columns are chosen by hand. A link with `viewStateShareKey=NAME` opens the view
that the tag `mlflow.sharedViewState.NAME` holds, as its button *Share* makes them.
"""

import json
from collections.abc import Sequence
from typing import Any

TAG = "mlflow.sharedViewState."
# All runs, with the scores as columns; the recipes of the last comparison beside one another; the trials of the last
# search; the strategies of the last backtest.
SCORES, COMPARISON, SEARCH, BACKTEST = "scores", "comparison", "search", "backtest"
SCORE_COLUMNS = ("interval_score", "skill_over_last_252", "coverage", "mae_ratio")
TAG_COLUMNS = ("decision", "source")
# Charts of the comparison, one bar for each recipe and horizon: scores, then what they cost.
CHARTS = ("gain_percent", "interval_score", "coverage", "crps", "seconds", "onnx_bytes")

# Runs in a chart.
MOST_RUNS = 100


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
        _below(run_id),
        [f"metrics.`{name}`" for name in CHARTS],
        groupBy={"aggregateFunction": "average", "groupByKeys": keys},
        useGroupedValuesInCharts=True,
        compareRunSections=_sections("Recipes"),
        compareRunCharts=[_bars(name) for name in CHARTS],
    )


def backtest_view(run_id: str, figures: Sequence[str]) -> str:
    """The runs below the backtest `run_id`, grouped by strategy and cost."""
    keys = [{"mode": "param", "groupByData": name} for name in ("strategy", "cost_basis_points")]
    return _view(
        _below(run_id),
        [f"metrics.`{name}`" for name in figures],
        groupBy={"aggregateFunction": "average", "groupByKeys": keys},
        useGroupedValuesInCharts=True,
        compareRunSections=_sections("Strategies"),
        compareRunCharts=[_bars(name) for name in figures],
    )


def search_view(study: str, hyperparameters: Sequence[str], score: str) -> str:
    """The trials with the tag `study`, of several executions perhaps: each hyperparameter against the score."""
    parallel = {"type": "PARALLEL", "selectedParams": list(hyperparameters), "selectedMetrics": [score]}
    charts = [
        _chart("parallel", parallel),
        *(_scatter(name, score) for name in hyperparameters),
    ]
    return _view(
        f"tags.study = '{study}'",
        [f"metrics.`{score}`", *(f"params.`{name}`" for name in hyperparameters)],
        groupBy={"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "trial"}]},
        useGroupedValuesInCharts=True,
        compareRunSections=_sections("Trials"),
        compareRunCharts=charts,
    )


def page_of(experiment_id: str, view: str = SCORES) -> str:
    """Path of a view in MLflow's UI."""
    shown = "&compareRunsMode=CHART" if view != SCORES else ""
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
        "runsHiddenMode": "SHOWALL",  # not the first ten alone
    }
    return json.dumps(state | more)


def _below(run_id: str) -> str:
    return f"tags.`mlflow.parentRunId` = '{run_id}'"


def _sections(name: str) -> list[dict[str, Any]]:
    return [{"uuid": "scores", "name": name, "display": True, "isReordered": False}]


def _chart(name: str, content: dict[str, Any]) -> dict[str, Any]:
    common = {"uuid": name, "runsCountToCompare": MOST_RUNS, "metricSectionId": "scores"}
    return common | {"deleted": False, "isGenerated": False} | content


def _bars(metric: str) -> dict[str, Any]:
    return _chart(metric, {"type": "BAR", "metricKey": metric, "dataAccessKey": metric})


def _scatter(parameter: str, metric: str) -> dict[str, Any]:
    axes = {
        "xaxis": {"key": parameter, "type": "PARAM"},
        "yaxis": {"key": metric, "type": "METRIC", "dataAccessKey": metric},
    }
    return _chart(parameter, {"type": "SCATTER"} | axes)
