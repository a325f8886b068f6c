"""MLflow: a trained model becomes a run and a registered version, in whichever process it was trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from compat.mlflow_register import register_of
from forecasting.card import ModelCard, model_name
from market.calendar.sessions import Sessions
from training.learning.pipeline import Trained
from training.mlflow_registry.connection import past_a_restart, translated, twice
from training.mlflow_registry.runs.contents import (
    card_of,
    dataset_of,
    description_of,
    environment,
    log_files,
    log_model,
    log_published_files,
    parameters_of,
    scores_of,
    tags_of,
    version_tags_of,
)
from training.mlflow_registry.runs.orphans import process_tags
from training.mlflow_registry.runs.parent_run import ParentRun
from training.mlflow_registry.versions.aliases import CHALLENGER, set_alias
from training.mlflow_registry.versions.registered import Registered
from training.mlflow_registry.versions.standings import newest_of_training, newest_version


@dataclass(frozen=True, slots=True)
class Recorder:
    """Logs models below one run of the pipeline, and registers them."""

    client: MlflowClient
    sessions: Sessions
    parent: ParentRun

    def recorded_before(self, trained: Trained) -> Registered | None:
        """The version of this very training that was registered below the same run by who died or was cut off, if any.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(trained.data.ticker, trained.data.horizon)
        with translated(name):
            found = newest_of_training(self.client, name, trained.data.bars_sha256, trained.fingerprint)
            if found is None:
                return None
            run = self.client.get_run(str(found.run_id))
            if run.data.tags.get(MLFLOW_PARENT_RUN_ID) != self.parent.run_id:
                return None
            set_alias(register_of(self.client), name, CHALLENGER, str(found.version))
            self.client.set_terminated(run.info.run_id, "FINISHED")
        card = card_of(trained, run.info.run_id, int(found.version))
        return Registered(card.version, card, trained.onnx)

    def record(self, trained: Trained) -> Registered:
        """Log a trained model in a run of its own, and register it as the new challenger.

        Where a server that is restarted breaks an answer off, all is done again but for a version that it has made.

        Raises:
            RegistryError: MLflow failed; there is no new version, or one that nothing points at.
        """
        return past_a_restart(
            lambda: self._record(trained), lambda: self.recorded_before(trained) or self._record(trained)
        )

    def _record(self, trained: Trained) -> Registered:
        data = trained.data
        name = model_name(data.ticker, data.horizon)
        scores = {**trained.metrics.model_dump(), **trained.comparison, "ta_deviation": trained.deviation}
        tags = tags_of(trained) | environment()
        with translated(name), model_run(self.parent, f"{data.ticker}-{data.horizon}", tags) as run:
            mlflow.log_params(parameters_of(trained))
            twice(lambda: mlflow.log_input(dataset_of(trained), context="training"))
            log_files(trained, self.sessions)
            logged = log_model(trained)
            # After the model, which would otherwise ask for the history of each score, one request for each.
            mlflow.log_metrics(scores, model_id=logged.model_id)
            card = card_of(trained, run.info.run_id, self._next_version(name))
            log_published_files(card, trained.onnx)
            version = self._register(name, card, logged, trained)
            if version != card.version:  # somebody else has registered one meanwhile
                card = card.model_copy(update={"version": version})
                log_published_files(card, trained.onnx)
        return Registered(version, card, trained.onnx)

    def _register(self, name: str, card: ModelCard, logged: Any, trained: Trained) -> int:
        self._ensure_registered(name)
        made = self.client.create_model_version(
            name,
            f"models:/{logged.model_id}",
            card.run_id,
            tags=scores_of(trained) | version_tags_of(trained),
            description=description_of(trained),
            model_id=logged.model_id,
        )
        version = int(made.version)
        if version != card.version:
            version = self._first_version(name, card.run_id)
        set_alias(register_of(self.client), name, CHALLENGER, str(version))
        return version

    def _first_version(self, name: str, run_id: str) -> int:
        """The version of a run; a second one, which is made where a server ends before it tells of the first, goes."""
        found = self.client.search_model_versions(f"name = '{name}' AND run_id = '{run_id}'")
        first, *others = sorted(int(one.version) for one in found)
        for other in others:
            self.client.delete_model_version(name, str(other))
        return first

    def _ensure_registered(self, name: str) -> None:
        known = f"name = '{name}'"
        if self.client.search_registered_models(known):
            return
        try:
            self.client.create_registered_model(name)
        except MlflowException:
            # Another trainer may have created it in the same moment; a database tells that in words of its own.
            if not self.client.search_registered_models(known):
                raise

    def _next_version(self, name: str) -> int:
        newest = newest_version(self.client, name)
        return int(newest.version) + 1 if newest is not None else 1


def model_run(parent: ParentRun, name: str, tags: Mapping[str, str]) -> mlflow.ActiveRun:
    """Begin a run of its own below `parent`."""
    return mlflow.start_run(
        experiment_id=parent.experiment_id,
        run_name=name,
        nested=True,
        parent_run_id=parent.run_id,
        tags={**tags, **process_tags()},
    )
