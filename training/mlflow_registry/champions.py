"""The champion of a registered model, as promotion looks at it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from training.errors import RegistryError
from training.learning.promotion import Candidate
from training.mlflow_registry.run_contents import FORECASTS
from training.mlflow_registry.tracking import first_line, translated
from training.scoring import forecast_file

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class Aliases:
    """The versions that the aliases of a registered model point at; null where there is none."""

    champion: int | None
    challenger: int | None


@dataclass(frozen=True, slots=True)
class Rival:
    """What a new version has to beat.

    Attributes:
        version: of the champion; null when there is none.
        candidate: its forecasts; null when there is none, or its prices are of the other kind.
    """

    version: int | None = None
    candidate: Candidate | None = None


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


def rival(client: MlflowClient, name: str, *, simulated: bool) -> Rival:
    """The champion of `name`, with its forecasts when it was trained on this kind of prices.

    Raises:
        RegistryError: MLflow failed, or the champion's artifacts are missing or damaged.
    """
    version = champion_version(client, name)
    if version is None:
        return Rival()
    with translated(f"{name} version {version}"), tempfile.TemporaryDirectory() as folder:
        found = client.get_model_version(name, str(version))
        if found.tags.get("simulated") != str(simulated).lower():
            return Rival(version)
        path = download(client, str(found.run_id), FORECASTS, folder)
        sessions, evaluation = forecast_file.read(path.read_text(encoding="utf-8"))
    return Rival(version, Candidate(str(found.tags.get("recipe_sha256")), simulated, sessions, evaluation))


def download(client: MlflowClient, run_id: str, path: str, folder: str) -> Path:
    """A file of a run, asked for twice: MLflow asks again where no answer comes, but not where one breaks off.

    Raises:
        MlflowException: it is missing, or MLflow does not answer.
    """
    try:
        return Path(client.download_artifacts(run_id, path, folder))
    except MlflowException:
        return Path(client.download_artifacts(run_id, path, folder))
