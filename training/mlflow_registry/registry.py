"""MLflow: versions are registered, decided on, made champion and taken back."""

from datetime import UTC, datetime

from mlflow.entities import Metric, RunTag

from configuration import Settings
from forecasting.card import model_name
from market.calendar.sessions import Sessions
from training.errors import RegistryError
from training.learning.pipeline import Trained
from training.learning.promotion import Decision
from training.mlflow_registry.connection import translated
from training.mlflow_registry.recording import Recorder
from training.mlflow_registry.runs.runs import Runs
from training.mlflow_registry.tags import CHAMPION_AT, CHANGED_AT, REPLACED_BY, ROLLED_BACK_AT, now
from training.mlflow_registry.versions.aliases import CHALLENGER, CHAMPION, Aliases, aliases, set_alias
from training.mlflow_registry.versions.registered import Registered
from training.mlflow_registry.versions.versions import Versions


class Registry(Runs, Versions):
    """What the pipeline does in one MLflow server or file: its runs, its versions, and what changes them."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        super().__init__(settings)
        self._sessions = sessions or Sessions.open(settings.exchange, settings.home)

    def record(self, trained: Trained) -> Registered:
        """Log a trained model in a run of its own below the open one, and register it as the new challenger.

        Raises:
            RegistryError: MLflow failed; there is no new version, or one that nothing points at.
        """
        return Recorder(self._client, self._sessions, self.parent).record(trained)

    def write_decision(self, registered: Registered, decision: Decision) -> None:
        """Write a decision on the version and on its run, which also gets the numbers that decided it.

        Raises:
            RegistryError: MLflow failed.
        """
        card, tags = registered.card, decision.tags()
        name, at = model_name(card.ticker, card.horizon), int(datetime.now(UTC).timestamp() * 1000)
        with translated(name):
            for key, value in tags.items():
                self._register.set_model_version_tag(name, str(registered.version), key, value)
            self._client.log_batch(
                card.run_id,
                metrics=[Metric(key, value, at, 0) for key, value in decision.numbers().items()],
                tags=[RunTag(key, value) for key, value in tags.items()],
            )

    def overrule(self, ticker: str, horizon: int, version: int, decision: str, reason: str) -> None:
        """Write over the decision on a version what became of it afterwards.

        Raises:
            RegistryError: MLflow failed.
        """
        self._tag(model_name(ticker, horizon), version, {"decision": decision, "decision_reason": reason})

    def make_champion(self, ticker: str, horizon: int, version: int, seen: Aliases | None = None) -> None:
        """Point the alias `champion` at `version`, which is no challenger any more.

        Args:
            seen: the aliases, where they have just been read, and `version` was never champion.

        Raises:
            RegistryError: there is no such version.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            before = seen or aliases(self._register, name)
            self._point_champion(name, before, version)
            self._register.set_model_version_tag(name, str(version), CHAMPION_AT, now())
            self._announce(name, before, version)
            if seen is None:
                self._take_place_again(name, version)

    def roll_back(self, ticker: str, horizon: int, version: int) -> None:
        """Point the alias `champion` at the earlier champion `version`, and mark the current one as rolled back.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        current = self.champion(ticker, horizon)
        if current is None:
            raise RegistryError(f"{name}: there is no champion to roll back from")
        with translated(name):
            before = aliases(self._register, name)
            self._point_champion(name, before, version)
            self._announce(name, before, version)
            self._take_place_again(name, version)
            self._register.set_model_version_tag(name, str(current), ROLLED_BACK_AT, now())
        self.overrule(ticker, horizon, current, "rolled back", f"version {version} is champion again")
        self.overrule(ticker, horizon, version, "promoted", f"version {current} was rolled back")

    def _tag(self, name: str, version: int, tags: dict[str, str]) -> None:
        """On the version and on its run."""
        with translated(name):
            run_id = str(self._client.get_model_version(name, str(version)).run_id)
            for key, value in tags.items():
                self._register.set_model_version_tag(name, str(version), key, value)
                self._client.set_tag(run_id, key, value)

    def _point_champion(self, name: str, seen: Aliases, version: int) -> None:
        if seen.challenger == version:
            self._register.delete_registered_model_alias(name, CHALLENGER)
        set_alias(self._register, name, CHAMPION, str(version))

    def _announce(self, name: str, seen: Aliases, version: int) -> None:
        """Have services elsewhere look, and say on the champion before which took its place."""
        self._tag_experiment(CHANGED_AT, now())
        if seen.champion not in {None, version}:
            self._register.set_model_version_tag(name, str(seen.champion), REPLACED_BY, str(version))

    def _take_place_again(self, name: str, version: int) -> None:
        """Remove what says that a champion is one no more."""
        found = self._client.get_model_version(name, str(version))
        for tag in {REPLACED_BY, ROLLED_BACK_AT} & set(found.tags):
            self._client.delete_model_version_tag(name, str(version), tag)
