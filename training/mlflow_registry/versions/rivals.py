"""The champion of a registered model, as promotion looks at it."""

import tempfile
from dataclasses import dataclass

from mlflow.tracking import MlflowClient

from training.learning.promotion import Candidate
from training.mlflow_registry.connection import translated
from training.mlflow_registry.runs.contents import FORECASTS
from training.mlflow_registry.versions.aliases import champion_version
from training.mlflow_registry.versions.registered import download
from training.scoring import forecast_file


@dataclass(frozen=True, slots=True)
class Rival:
    """What a new version has to beat.

    Attributes:
        version: of the champion; null when there is none.
        candidate: its forecasts; null when there is none, or its prices are of the other kind.
    """

    version: int | None = None
    candidate: Candidate | None = None


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
