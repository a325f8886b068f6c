"""The experiment that all runs belong to, in one MLflow server or file; it is opened when it is first needed."""

from functools import cached_property
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from compat.mlflow_register import register_of
from configuration import Settings
from training.mlflow_registry.connection import check_answers, client_of, translated, twice
from training.mlflow_registry.copied_folder import adopt
from training.mlflow_registry.database import first_use
from training.mlflow_registry.runs import views

EXPERIMENT = "stock-prediction"
EXPLANATION = """One run for each execution of the pipeline, with the mean scores of its models; below it one run for
each ticker, horizon and recipe. All scores are out of sample.

Show the columns `interval_score`, `coverage`, `skill_over_last_252`, `skill_over_baseline` and the tags `ticker`,
`horizon`, `recipe`, `decision`. To compare, select runs and choose *Compare*; the pictures of each run stand beside its
charts.

- `skill_over_X`: 1 less the model's interval score over that of X; above 0 is better. `last_252` are the quantiles of
  the last year's returns, `ewma` an exponentially weighted volatility, `baseline` what is served without a model.
- `coverage`: share of returns inside the 90 % interval; `turbulent_coverage`: in the most turbulent fifth of sessions.
- `val_mae`, `val_rmse`: of the median, as returns (0.0119 is 1.19 %); `mae_ratio`: `val_mae` over that of no change.
- `brier_score`, `calibration_error`: of the probability of a rise; 0.25 is a coin.
- `decision`: whether it was promoted, `decision_reason` why; `baseline_difference` is the mean daily interval score
  less the baseline's, below 0 is better. Filter `tags.simulated = 'false'` for real prices.
"""

# How the experiment opens in MLflow: as one in which models are trained, judged by one score.
EXPERIMENT_TAGS = {
    "mlflow.note.content": EXPLANATION,
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.experiment.primaryMetric.name": "interval_score",
    "mlflow.experiment.primaryMetric.greaterIsBetter": "false",
}


class Experiment:
    """One MLflow server or file, with the experiment in it."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.tracking_uri
        self._artifacts = settings.home / "mlflow" / "artifacts"
        self._local = settings.training.tracking_uri is None
        self._has_server = settings.training.has_server

    @cached_property
    def _client(self) -> MlflowClient:
        if not self._local:
            check_answers(self._uri)
            return client_of(self._uri)
        with first_use(self._artifacts.parent), translated(self._uri):
            client = client_of(self._uri)
            client.search_experiments(max_results=1)
            adopt(self._artifacts, EXPERIMENT)
        return client

    @cached_property
    def _register(self) -> Any:
        return register_of(self._client)

    @cached_property
    def _experiment_id(self) -> str:
        client = self._client  # it takes the same lock for itself
        if not self._local:
            return self._experiment(client)
        with first_use(self._artifacts.parent):
            return self._experiment(client)

    def prepare(self) -> str:
        """Open the store and the experiment, which creates what is not there yet.

        Returns:
            The id of the experiment.

        Raises:
            RegistryError: MLflow could not be reached, or its database is damaged.
        """
        with translated("MLflow"):
            self._tag_experiment(f"{views.TAG}{views.SCORES}", views.scores_view())
            return self._experiment_id

    def _experiment(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = self._artifacts.as_uri() if self._local else None
        try:
            return str(client.create_experiment(EXPERIMENT, artifact_location=location, tags=EXPERIMENT_TAGS))
        except MlflowException:
            # Another trainer may have created it in the same moment.
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
            return str(found.experiment_id)

    @property
    def is_server(self) -> bool:
        """Whether other machines can record here too: without a server the files of runs lie on this one."""
        return self._has_server

    def _tag_experiment(self, name: str, value: str) -> None:
        twice(lambda: self._client.set_experiment_tag(self._experiment_id, name, value))
