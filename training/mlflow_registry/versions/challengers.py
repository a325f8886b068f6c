"""Which registered version an experiment tests, and an alias that says so in MLflow."""

from mlflow.exceptions import MlflowException

from forecasting.card import model_name
from training.errors import RegistryError
from training.mlflow_registry.connection import first_line, translated
from training.mlflow_registry.runs.experiment import Experiment
from training.mlflow_registry.tags import CHANGED_AT, now
from training.mlflow_registry.versions.aliases import set_alias
from training.mlflow_registry.versions.standings import newest_of_recipe

# Aliases of the versions that experiments test begin so; services elsewhere follow them.
ALIAS = "experiment-"
NOT_THERE = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


class Challengers(Experiment):
    """Versions of one MLflow server or file by what an experiment calls them."""

    def version(self, ticker: str, horizon: int, challenger: str, *, is_recipe: bool) -> int | None:
        """The version that is meant; None when there is none yet.

        Args:
            challenger: number of a version, alias, or name of a recipe, of which the newest version counts.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        if is_recipe:
            with translated(name):
                newest = newest_of_recipe(self._client, name, challenger)
            return int(newest.version) if newest is not None else None
        try:
            found = (
                self._client.get_model_version(name, challenger)
                if challenger.isdigit()
                else self._client.get_model_version_by_alias(name, challenger)
            )
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise RegistryError(f"{name}: MLflow failed: {first_line(error)}") from None
        return int(found.version)

    def mark(self, experiment: str, ticker: str, horizon: int, version: int) -> None:
        """Point the experiment's alias at the version that it tests.

        Raises:
            RegistryError: MLflow failed.
        """
        name = model_name(ticker, horizon)
        with translated(name):
            set_alias(self._register, name, f"{ALIAS}{experiment}", str(version))
            self._tag_experiment(CHANGED_AT, now())
