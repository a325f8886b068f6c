"""MLflow: the register of versions with their aliases."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow.entities import Metric, RunTag
from mlflow.entities.model_registry import ModelVersion
from pydantic import ValidationError

from configuration import Settings
from forecasting.card import ModelCard, model_name
from market.calendar.sessions import Sessions
from training.errors import RegistryError
from training.learning.pipeline import Trained
from training.learning.promotion import Decision
from training.mlflow_registry.champions import (
    CHALLENGER,
    CHAMPION,
    Aliases,
    Rival,
    aliases,
    champion_version,
    download,
    rival,
)
from training.mlflow_registry.recording import (
    Recorder,
    Registered,
    newest_version,
    same_training,
    set_alias,
)
from training.mlflow_registry.retention import CHAMPION_AT
from training.mlflow_registry.run_contents import CARD, FOREST, SCORES
from training.mlflow_registry.runs import Runs
from training.mlflow_registry.tracking import translated

# Tags of a version: when it was taken back, and which version took its place.
ROLLED_BACK_AT, REPLACED_BY = "rolled_back_at", "replaced_by"

# Tag of the experiment that tells services elsewhere whether there is a new champion to fetch.
CHANGED_AT = "champions_changed_at"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a registered model stands.

    Attributes:
        champion, newest: versions, null when there is none.
        decision: on the newest version, and why.
        scores: of the newest version, by name, with its recipe and the kind of its prices.
    """

    champion: int | None
    newest: int | None
    decision: str
    reason: str
    scores: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decided:
    """A version and the decision on it: promoted, rejected, failed, rolled back; empty before it is made."""

    version: int
    decision: str


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

    def earlier_champion(self, ticker: str, horizon: int) -> int:
        """The version that was champion before the current one.

        Raises:
            RegistryError: there is no champion, or none before it on the same kind of prices.
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
        return earlier[-1]

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

    def is_simulated(self, ticker: str, horizon: int, version: int) -> bool:
        """Whether a version was trained on simulated prices.

        Raises:
            RegistryError: there is no such version.
        """
        name = model_name(ticker, horizon)
        with translated(f"{name} version {version}"):
            return str(self._client.get_model_version(name, str(version)).tags.get("simulated")) == "true"

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

    def aliases(self, ticker: str, horizon: int) -> Aliases:
        """Champion and challenger of a model that has versions.

        Raises:
            RegistryError: it has none, or MLflow failed.
        """
        return aliases(self._register, model_name(ticker, horizon))

    def champion(self, ticker: str, horizon: int) -> int | None:
        """Version of the champion, if there is one.

        Raises:
            RegistryError: MLflow failed.
        """
        return champion_version(self._client, model_name(ticker, horizon))

    def champion_at(self, ticker: str, horizon: int, moment: datetime, *, simulated: bool) -> int | None:
        """The version that was champion at `moment` and served this kind of prices, if there was one.

        Raises:
            RegistryError: MLflow failed.
        """
        name, kind, then = model_name(ticker, horizon), str(simulated).lower(), _text(moment)
        with translated(name):
            champions = [
                (str(one.tags[CHAMPION_AT]), int(one.version))
                for one in self._versions(name)
                if str(one.tags.get(CHAMPION_AT, "~")) <= then < str(one.tags.get(ROLLED_BACK_AT, "~"))
                and one.tags.get("simulated") == kind
            ]
        return max(champions)[1] if champions else None

    def rival(self, ticker: str, horizon: int, *, simulated: bool) -> Rival:
        """The champion as promotion looks at it.

        Raises:
            RegistryError: MLflow failed, or the champion's artifacts are missing or damaged.
        """
        return rival(self._client, model_name(ticker, horizon), simulated=simulated)

    def get(self, ticker: str, horizon: int, version: int) -> Registered:
        """A version with everything that publishing it takes; nothing that MLflow keeps is run to read it.

        Raises:
            RegistryError: there is no such version, or its artifacts are missing, damaged or of another release.
        """
        name = f"{model_name(ticker, horizon)} version {version}"
        with translated(name), tempfile.TemporaryDirectory() as folder:
            found = self._client.get_model_version(model_name(ticker, horizon), str(version))
            files = [download(self._client, str(found.run_id), path, folder) for path in (CARD, FOREST)]
            card, onnx = _card(name, files[0]), files[1].read_bytes()
        if hashlib.sha256(onnx).hexdigest() != card.forest_sha256:
            raise RegistryError(f"{name}: its ONNX file is not the one of its model card; promote another version")
        if not card.has_current_features:
            raise RegistryError(f"{name}: trained on other features than this release computes; train it again")
        return Registered(version, card.model_copy(update={"version": version}), onnx)

    def standing(self, ticker: str, horizon: int) -> Standing:
        """Champion, newest version and the decision on it.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            newest = newest_version(self._client, name)
        tags = newest.tags if newest is not None else {}
        return Standing(
            champion=self.champion(ticker, horizon),
            newest=int(newest.version) if newest is not None else None,
            decision=str(tags.get("decision", "")),
            reason=str(tags.get("decision_reason", "")),
            scores={name: str(tags[name]) for name in (*SCORES, "recipe", "simulated") if name in tags},
        )

    def decision_on(self, ticker: str, horizon: int, bars_sha256: str, recipe_sha256: str) -> Decided | None:
        """The newest version that was trained on these bars with this recipe, if there is one.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        chosen = same_training(name, bars_sha256, recipe_sha256)
        with translated(name):
            found = self._client.search_model_versions(chosen, max_results=1, order_by=["version_number DESC"])
        return Decided(int(found[0].version), str(found[0].tags.get("decision", ""))) if found else None

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

    def _versions(self, name: str) -> list[ModelVersion]:
        return list(self._client.search_model_versions(f"name = '{name}'"))


def _card(name: str, path: Path) -> ModelCard:
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except ValidationError:
        raise RegistryError(f"{name}: its model card is damaged or of another release; train it again") from None


def now() -> str:
    """The time as tags have it, UTC."""
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    """As in tags: in UTC, and so in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
