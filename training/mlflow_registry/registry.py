"""MLflow: the register of versions with their aliases."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from configuration import Settings
from features.matrix import FeatureMatrix
from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard, model_name
from market.calendar.sessions import Sessions
from training.errors import RegistryError
from training.learning import forecast_file
from training.learning.pipeline import Trained
from training.learning.promotion import Candidate, Decision
from training.mlflow_registry.run_contents import (
    CARD,
    FORECASTS,
    ROWS,
    card_of,
    dataset_of,
    description_of,
    environment,
    log_files,
    log_model,
    parameters_of,
    scores_of,
    tags_of,
)
from training.mlflow_registry.runs import Runs
from training.mlflow_registry.tracking import first_line, translated

CHAMPION, CHALLENGER = "champion", "challenger"

# Tags of a version: when it became champion, when it was taken back, and which version took its place.
CHAMPION_AT, ROLLED_BACK_AT, REPLACED_BY = "champion_at", "rolled_back_at", "replaced_by"

# Tag of the experiment that tells services elsewhere whether there is a new champion to fetch.
CHANGED_AT = "champions_changed_at"


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in the register, with all that is needed to publish it."""

    version: int
    model: Any
    rows: FeatureMatrix
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a registered model stands.

    Attributes:
        champion, newest: versions, null when there is none.
        decision: on the newest version, and why.
        bars_sha256, recipe: what the newest version was trained on, and how.
    """

    champion: int | None
    newest: int | None
    decision: str
    reason: str
    bars_sha256: str
    recipe: str


class Registry(Runs):
    """Versions of one MLflow server or file, and the runs they come from."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        super().__init__(settings)
        self._sessions = sessions or Sessions.open(settings.exchange, settings.home)

    def record(self, trained: Trained) -> Registered:
        """Log a trained model in a run of its own below the open one, and register it as the new challenger.

        Raises:
            RegistryError: MLflow failed; there is no new version, or one that nothing points at.
        """
        data = trained.data
        name = model_name(data.ticker, data.horizon)
        with translated(name), self._model_run(f"{data.ticker}-{data.horizon}") as run:
            mlflow.set_tags(tags_of(trained) | environment())
            mlflow.log_params(parameters_of(trained))
            mlflow.log_metrics(
                {**trained.metrics.model_dump(), **trained.comparison, "ta_deviation": trained.deviation}
            )
            mlflow.log_input(dataset_of(trained), context="training")
            log_files(trained, self._sessions)
            logged = log_model(trained.fitted, trained.rows)
            card = card_of(trained, run.info.run_id, self._next_version(name))
            mlflow.log_dict(card.model_dump(mode="json"), CARD)
            version = self._register(name, run.info.run_id, logged, trained)
        return Registered(version, trained.fitted.model, trained.rows, card.model_copy(update={"version": version}))

    def write_decision(self, ticker: str, horizon: int, version: int, decision: Decision) -> None:
        """Write a decision and its numbers on the version and on its run.

        Raises:
            RegistryError: MLflow failed.
        """
        self._tag(model_name(ticker, horizon), version, decision.tags())

    def overrule(self, ticker: str, horizon: int, version: int, decision: str, reason: str) -> None:
        """Write over the decision on a version what became of it afterwards.

        Raises:
            RegistryError: MLflow failed.
        """
        self._tag(model_name(ticker, horizon), version, {"decision": decision, "decision_reason": reason})

    def keep_for_followers(self, card: ModelCard, forest: bytes) -> None:
        """Log what serving needs on the version's run, so that services elsewhere can fetch it without MLflow.

        Raises:
            RegistryError: MLflow failed.
        """
        with translated(model_name(card.ticker, card.horizon)), tempfile.TemporaryDirectory() as folder:
            (Path(folder) / FOREST_FILE).write_bytes(forest)
            (Path(folder) / CARD_FILE).write_text(card.model_dump_json(indent=1), encoding="utf-8")
            self._client.log_artifacts(card.run_id, folder, str(Path(CARD).parent))

    def make_champion(self, ticker: str, horizon: int, version: int) -> None:
        """Point the alias `champion` at `version`, which is no challenger any more.

        Raises:
            RegistryError: there is no such version.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            self._point_champion(name, self.champion(ticker, horizon), version)
            self._client.set_model_version_tag(name, str(version), CHAMPION_AT, _now())
            self._client.delete_model_version_tag(name, str(version), ROLLED_BACK_AT)

    def roll_back(self, ticker: str, horizon: int) -> int:
        """Point the alias `champion` at the version that had it before.

        Returns:
            That version.

        Raises:
            RegistryError: there is no champion, or none before it.
        """
        name = model_name(ticker, horizon)
        current = self.champion(ticker, horizon)
        if current is None:
            raise RegistryError(f"{name}: there is no champion to roll back from")
        with translated(name):
            earlier = self._champions_before(name, current)
            if not earlier:
                kind = "no champion for the same kind of prices before it; `promote` takes any version"
                raise RegistryError(f"{name}: version {current} has {kind}")
            self._point_champion(name, current, earlier[-1])
            self._client.set_model_version_tag(name, str(current), ROLLED_BACK_AT, _now())
        self.overrule(ticker, horizon, current, "rolled back", f"version {earlier[-1]} is champion again")
        self.overrule(ticker, horizon, earlier[-1], "promoted", f"version {current} was rolled back")
        return earlier[-1]

    def _champions_before(self, name: str, current: int) -> list[int]:
        """Versions that were champion before `current` on the same kind of prices and were not taken back, in order."""
        tags = self._client.get_model_version(name, str(current)).tags
        before = [
            (str(one.tags[CHAMPION_AT]), int(one.version))
            for one in self._versions(name)
            if CHAMPION_AT in one.tags and ROLLED_BACK_AT not in one.tags
            if one.tags.get("simulated") == tags.get("simulated")
        ]
        return [version for at, version in sorted(before) if at < str(tags.get(CHAMPION_AT, ""))]

    def champion(self, ticker: str, horizon: int) -> int | None:
        """Version of the champion, if there is one.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        try:
            return int(self._client.get_model_version_by_alias(name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise RegistryError(f"{name}: MLflow failed: {first_line(error)}") from None

    def champion_candidate(self, ticker: str, horizon: int, *, simulated: bool) -> Candidate | None:
        """The champion as promotion looks at it; none when its prices are of the other kind.

        Raises:
            RegistryError: MLflow failed, or the champion's artifacts are missing or damaged.
        """
        version = self.champion(ticker, horizon)
        if version is None:
            return None
        name = model_name(ticker, horizon)
        with translated(f"{name} version {version}"), tempfile.TemporaryDirectory() as folder:
            found = self._client.get_model_version(name, str(version))
            if found.tags.get("simulated") != str(simulated).lower():
                return None
            path = Path(self._client.download_artifacts(str(found.run_id), FORECASTS, folder))
            sessions, evaluation = forecast_file.read(path.read_text(encoding="utf-8"))
        return Candidate(str(found.tags.get("recipe")), simulated, sessions, evaluation)

    def get(self, ticker: str, horizon: int, version: int) -> Registered:
        """A version with everything that publishing it takes.

        Raises:
            RegistryError: there is no such version, or its artifacts are missing or damaged.
        """
        name = model_name(ticker, horizon)
        with translated(f"{name} version {version}"), tempfile.TemporaryDirectory() as folder:
            found: ModelVersion = self._client.get_model_version(name, str(version))
            run_id = str(found.run_id)
            card = ModelCard.model_validate_json(
                Path(self._client.download_artifacts(run_id, CARD, folder)).read_bytes()
            )
            with np.load(self._client.download_artifacts(run_id, ROWS, folder), allow_pickle=False) as file:
                rows = file["rows"]
            model = mlflow.sklearn.load_model(f"models:/{name}/{version}")
        return Registered(version, model, rows, card.model_copy(update={"version": version}))

    def standing(self, ticker: str, horizon: int) -> Standing:
        """Champion, newest version and the decision on it.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            newest = self._newest(name)
        tags = newest.tags if newest is not None else {}
        return Standing(
            champion=self.champion(ticker, horizon),
            newest=int(newest.version) if newest is not None else None,
            decision=str(tags.get("decision", "")),
            reason=str(tags.get("decision_reason", "")),
            bars_sha256=str(tags.get("bars_sha256", "")),
            recipe=str(tags.get("recipe", "")),
        )

    def _tag(self, name: str, version: int, tags: dict[str, str]) -> None:
        """On the version and on its run."""
        with translated(name):
            run_id = str(self._client.get_model_version(name, str(version)).run_id)
            for key, value in tags.items():
                self._client.set_model_version_tag(name, str(version), key, value)
                self._client.set_tag(run_id, key, value)

    def _point_champion(self, name: str, current: int | None, version: int) -> None:
        if CHALLENGER in self._client.get_model_version(name, str(version)).aliases:
            self._client.delete_registered_model_alias(name, CHALLENGER)
        self._client.set_registered_model_alias(name, CHAMPION, str(version))
        self._client.delete_model_version_tag(name, str(version), REPLACED_BY)
        self._client.set_experiment_tag(self._experiment_id, CHANGED_AT, _now())
        if current is not None and current != version:
            self._client.set_model_version_tag(name, str(current), REPLACED_BY, str(version))

    def _versions(self, name: str) -> list[ModelVersion]:
        return list(self._client.search_model_versions(f"name = '{name}'"))

    def _newest(self, name: str) -> ModelVersion | None:
        """The last version alone: a model that is trained each night has hundreds."""
        found = self._client.search_model_versions(f"name = '{name}'", max_results=1, order_by=["version_number DESC"])
        return found[0] if found else None

    def _next_version(self, name: str) -> int:
        newest = self._newest(name)
        return int(newest.version) + 1 if newest is not None else 1

    def _register(self, name: str, run_id: str, logged: Any, trained: Trained) -> int:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)
        made = self._client.create_model_version(
            name,
            f"models:/{logged.model_id}",
            run_id,
            tags=tags_of(trained) | scores_of(trained),
            description=description_of(trained),
            model_id=logged.model_id,
        )
        self._client.set_registered_model_alias(name, CHALLENGER, str(made.version))
        return int(made.version)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
