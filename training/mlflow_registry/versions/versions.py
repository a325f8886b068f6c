"""The versions that are registered, and who among them is or was champion; nothing here changes any."""

from datetime import datetime

from mlflow.entities.model_registry import ModelVersion

from forecasting.card import model_name
from training.errors import RegistryError
from training.mlflow_registry.connection import translated
from training.mlflow_registry.runs.experiment import Experiment
from training.mlflow_registry.tags import CHAMPION_AT, ROLLED_BACK_AT, text_of
from training.mlflow_registry.versions.aliases import Aliases, aliases, champion_version
from training.mlflow_registry.versions.registered import Registered, registered
from training.mlflow_registry.versions.rivals import Rival, rival
from training.mlflow_registry.versions.standings import Decided, Standing, newest_of_training, standing


class Versions(Experiment):
    """Versions of one MLflow server or file, as they are."""

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
        name, kind, then = model_name(ticker, horizon), str(simulated).lower(), text_of(moment)
        with translated(name):
            champions = [
                (str(one.tags[CHAMPION_AT]), int(one.version))
                for one in self._versions(name)
                if str(one.tags.get(CHAMPION_AT, "~")) <= then < str(one.tags.get(ROLLED_BACK_AT, "~"))
                and one.tags.get("simulated") == kind
            ]
        return max(champions)[1] if champions else None

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
        return registered(self._client, model_name(ticker, horizon), version)

    def numbers(self, ticker: str, horizon: int) -> list[int]:
        """Of all versions, ascending.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            return sorted(int(one.version) for one in self._versions(name))

    def is_simulated(self, ticker: str, horizon: int, version: int) -> bool:
        """Whether a version was trained on simulated prices.

        Raises:
            RegistryError: there is no such version.
        """
        name = model_name(ticker, horizon)
        with translated(f"{name} version {version}"):
            return str(self._client.get_model_version(name, str(version)).tags.get("simulated")) == "true"

    def standing(self, ticker: str, horizon: int) -> Standing:
        """Champion, newest version and the decision on it.

        Raises:
            RegistryError: MLflow failed.
        """
        return standing(self._client, model_name(ticker, horizon))

    def decision_on(self, ticker: str, horizon: int, bars_sha256: str, recipe_sha256: str) -> Decided | None:
        """The newest version that was trained on these bars with this recipe, if there is one.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            found = newest_of_training(self._client, name, bars_sha256, recipe_sha256)
        return Decided(int(found.version), str(found.tags.get("decision", ""))) if found is not None else None

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

    def _versions(self, name: str) -> list[ModelVersion]:
        return list(self._client.search_model_versions(f"name = '{name}'"))
