"""The aliases of a registered model: which version is champion, and which its challenger."""

from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from training.errors import RegistryError
from training.mlflow_registry.connection import first_line, translated, twice

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class Aliases:
    """The versions that the aliases of a registered model point at; null where there is none."""

    champion: int | None
    challenger: int | None


def aliases(register: Any, name: str) -> Aliases:
    """The aliases of the registered model `name`, by one request.

    Raises:
        RegistryError: there is no such model, or MLflow failed.
    """
    with translated(name):
        found = register.get_registered_model(name).aliases
    champion, challenger = (int(found[alias]) if alias in found else None for alias in (CHAMPION, CHALLENGER))
    return Aliases(champion, challenger)


def champion_version(client: MlflowClient, name: str) -> int | None:
    """Version of the champion of `name`, if there is one.

    Raises:
        RegistryError: MLflow failed.
    """
    try:
        return int(client.get_model_version_by_alias(name, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise RegistryError(f"{name}: MLflow failed: {first_line(error)}") from None


def set_alias(register: Any, name: str, alias: str, version: str) -> None:
    """Point `alias` at `version`."""
    twice(lambda: register.set_registered_model_alias(name, alias, version))
