"""The runs of the pipeline: one for each execution, and one below it for each model or trial."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import mlflow
import structlog

from configuration import Settings
from training.errors import RegistryError
from training.mlflow_registry.connection import translated
from training.mlflow_registry.runs import views
from training.mlflow_registry.runs.contents import environment
from training.mlflow_registry.runs.experiment import Experiment
from training.mlflow_registry.runs.orphans import end_children, end_orphans, process_tags
from training.mlflow_registry.runs.parent_run import ParentRun
from training.mlflow_registry.runs.picture import Picture
from training.mlflow_registry.runs.retention import forget_runs, is_due, remove_forgotten

# Characters that MLflow keeps of a tag.
LONGEST_TAG = 5000
# Tag with the hash of everything but the bars that decided what was learnt.
RECIPE_TAG = "recipe_sha256"
# Runs that are asked for at once.
PAGE = 1000

log = structlog.get_logger(__name__)


class Runs(Experiment):
    """Runs of one MLflow server or file."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._exchange = settings.exchange
        self._kept_days = settings.training.runs_kept_days

    @contextmanager
    def pipeline_run(self, name: str, tags: dict[str, str]) -> Iterator[str]:
        """A run that is the parent of one run for each model; gives its id.

        Runs that a killed process left behind are ended first; once a day, old ones are forgotten.

        Raises:
            RegistryError: MLflow could not be reached.
        """
        with translated("MLflow"):
            end_orphans(self._client, self._experiment_id)
            self._forget_old_runs()
            run = mlflow.start_run(
                experiment_id=self._experiment_id, run_name=name, tags=_shortened(tags) | environment() | process_tags()
            )
        status = "FAILED"
        try:
            yield str(run.info.run_id)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            # A model's run may still be open when MLflow went away or a signal came.
            with translated("MLflow"):
                while mlflow.active_run() is not None:
                    mlflow.end_run(status)
                end_children(self._client, self._experiment_id, run.info.run_id)

    def _forget_old_runs(self) -> None:
        now = datetime.now(UTC)
        if not self._kept_days or not is_due(self._client, self._experiment_id, now):
            return
        try:
            with translated("old runs"):
                forget_runs(self._client, self._experiment_id, now, self._kept_days)
                if self._local:
                    remove_forgotten(self._client, self._experiment_id, self._uri)
        except RegistryError as error:  # no reason to train nothing
            log.warning("runs.not_forgotten", problem=str(error))

    def summarize(self, totals: Mapping[str, float], decision: str) -> None:
        """Log figures of the whole execution on the open run, so that the list of runs shows them without unfolding it.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.set_tag("decision", decision)
        self.log_totals(totals)

    def log_totals(self, totals: Mapping[str, float]) -> None:
        """Log figures on the open run.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.log_metrics(dict(totals))

    def log_scores(
        self, name: str, tags: Mapping[str, str], parameters: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """Log a run of its own below the open one, without a model.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated(name), self._model_run(name):
            mlflow.set_tags(dict(tags))
            mlflow.log_params(dict(parameters))
            mlflow.log_metrics(dict(metrics))

    def log_overview(
        self,
        parameters: Mapping[str, Any],
        figures: Mapping[str, float],
        pictures: Mapping[str, bytes],
        table: str,
    ) -> None:
        """Log on the open run what is said of all the runs below it.

        Args:
            figures: by name.
            pictures: PNG files by name without ending, which stand beside the charts of the run.
            table: text of a CSV file; empty for none.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.log_params(dict(parameters))
            mlflow.log_metrics(dict(figures))
            for name, picture in pictures.items():
                mlflow.log_image(Picture(picture), key=name, step=0, synchronous=True)
            if table:
                mlflow.log_text(table, "table.csv")

    def show(self, view: str, state: str) -> str:
        """Keep a view of the experiment, in place of the one of that name.

        Returns:
            Its path in MLflow's UI.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            self._tag_experiment(f"{views.TAG}{view}", state)
        return views.page_of(self._experiment_id, view)

    def recipes_tried(self) -> int:
        """How many different recipes, hyperparameters and ways to score them the runs of the experiment have tried.

        Raises:
            RegistryError: MLflow failed.
        """
        found: set[str] = set()
        token = None
        with translated("MLflow"):
            while True:
                page = self._client.search_runs(
                    [self._experiment_id], f"tags.{RECIPE_TAG} != ''", max_results=PAGE, page_token=token
                )
                found |= {str(run.data.tags[RECIPE_TAG]) for run in page}
                token = page.token
                if not token:
                    return len(found)

    def fail(self, reasons: Sequence[str]) -> None:
        """End the open run as FAILED, because none of its models came to be.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.set_tag("failures", "\n".join(reasons)[:LONGEST_TAG])
            mlflow.end_run("FAILED")

    @property
    def parent(self) -> ParentRun:
        """The open run.

        Raises:
            RegistryError: none is open.
        """
        run = mlflow.active_run()
        if run is None:
            raise RegistryError("models are recorded below a run of the pipeline, and none is open")
        return ParentRun(self._uri, str(self._experiment_id), str(run.info.run_id), self._exchange)

    def _model_run(self, name: str) -> mlflow.ActiveRun:
        return mlflow.start_run(experiment_id=self._experiment_id, run_name=name, nested=True, tags=process_tags())


def _shortened(tags: dict[str, str]) -> dict[str, str]:
    return {name: value[:LONGEST_TAG] for name, value in tags.items()}
