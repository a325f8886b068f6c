"""A registered version with its two files, as publishing takes it."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import ValidationError

from forecasting.card import ModelCard
from training.errors import RegistryError
from training.mlflow_registry.connection import translated
from training.mlflow_registry.runs.contents import CARD, FOREST


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered version, with the two files that publishing it takes.

    Attributes:
        onnx: content of the ONNX file that the card names by its hash.
    """

    version: int
    card: ModelCard
    onnx: bytes


def registered(client: MlflowClient, name: str, version: int) -> Registered:
    """A version of `name` with everything that publishing it takes; nothing that MLflow keeps is run to read it.

    Raises:
        RegistryError: there is no such version, or its artifacts are missing, damaged or of another release.
    """
    subject = f"{name} version {version}"
    with translated(subject), tempfile.TemporaryDirectory() as folder:
        found = client.get_model_version(name, str(version))
        files = [download(client, str(found.run_id), path, folder) for path in (CARD, FOREST)]
        card, onnx = _card(subject, files[0]), files[1].read_bytes()
    if hashlib.sha256(onnx).hexdigest() != card.forest_sha256:
        raise RegistryError(f"{subject}: its ONNX file is not the one of its model card; promote another version")
    if not card.has_current_features:
        raise RegistryError(f"{subject}: trained on other features than this release computes; train it again")
    return Registered(version, card.model_copy(update={"version": version}), onnx)


def download(client: MlflowClient, run_id: str, path: str, folder: str) -> Path:
    """A file of a run, asked for twice: MLflow asks again where no answer comes, but not where one breaks off.

    Raises:
        MlflowException: it is missing, or MLflow does not answer.
    """
    try:
        return Path(client.download_artifacts(run_id, path, folder))
    except MlflowException:
        return Path(client.download_artifacts(run_id, path, folder))


def _card(subject: str, path: Path) -> ModelCard:
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except ValidationError:
        raise RegistryError(f"{subject}: its model card is damaged or of another release; train it again") from None
