"""MLflow: the runs of the pipeline."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import mlflow
from mlflow.tracking import MlflowClient

from configuration import Settings
from training.mlflow_registry.orphans import Process, end_orphans
from training.mlflow_registry.run_contents import EXPLANATION, environment
from training.mlflow_registry.tracking import check_answers, translated

EXPERIMENT = "stock-prediction"
# What MLflow keeps of a tag.
LONGEST_TAG = 5000


class Runs:
    """Runs of one MLflow server or file."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.tracking_uri
        self._artifacts = settings.home / "mlflow" / "artifacts"
        self._local = settings.training.tracking_uri is None

    @cached_property
    def _client(self) -> MlflowClient:
        check_answers(self._uri)
        if self._local:
            self._artifacts.parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(self._uri)
        return MlflowClient(self._uri)

    @cached_property
    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = self._artifacts.as_uri() if self._local else None
        tags = {"mlflow.note.content": EXPLANATION}
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))

    @contextmanager
    def pipeline_run(self, name: str, tags: dict[str, str]) -> Iterator[str]:
        """A run that is the parent of one run for each model; gives its id.

        Runs that a killed process left behind are ended first.

        Raises:
            RegistryError: MLflow could not be reached.
        """
        with translated("MLflow"):
            end_orphans(self._client, self._experiment_id)
            run = mlflow.start_run(
                experiment_id=self._experiment_id, run_name=name, tags=tags | environment() | _process()
            )
        status = "FAILED"
        try:
            yield str(run.info.run_id)
            status = "FINISHED"
        finally:
            # What a model's run left open when MLflow went away is closed with it.
            with translated("MLflow"):
                while mlflow.active_run() is not None:
                    mlflow.end_run(status)

    def summarize(self, totals: dict[str, float]) -> None:
        """Log figures of the whole execution on the open run.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.log_metrics(totals)

    def fail(self, reasons: Sequence[str]) -> None:
        """End the open run as FAILED, because none of its models came to be.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated("MLflow"):
            mlflow.set_tag("failures", "\n".join(reasons)[:LONGEST_TAG])
            mlflow.end_run("FAILED")

    def _model_run(self, name: str) -> mlflow.ActiveRun:
        return mlflow.start_run(experiment_id=self._experiment_id, run_name=name, nested=True, tags=_process())


def _process() -> dict[str, str]:
    process = Process.current()
    return process.tags() if process is not None else {}
