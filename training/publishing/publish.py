"""Put a registered version where serving finds it: ONNX and card in the BentoML model store."""

import hashlib
import os
import uuid
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException
from filelock import FileLock

from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard, model_name
from training.errors import NotPublished
from training.mlflow_registry.registry import Registered
from training.publishing.onnx_export import export_onnx
from training.publishing.pruning import prune

# Seconds to wait for others who publish; each takes a fraction of one.
LOCK_TIMEOUT = 30.0


def prepare(registered: Registered) -> tuple[ModelCard, bytes]:
    """The files of a version, checked.

    Raises:
        Deviation: the ONNX file does not compute what the registered model does.
    """
    card = registered.card
    name = model_name(card.ticker, card.horizon)
    forest = export_onnx(registered.model, registered.rows, name)
    return card.model_copy(update={"forest_sha256": hashlib.sha256(forest).hexdigest()}), forest


def publish(card: ModelCard, forest: bytes) -> str:
    """Add the files to the store as the newest of their name, which running services take within seconds.

    The store points at the new entry only after all its files are in place, so a crash leaves the old one served.
    Entries that nobody needs any more are removed.

    Returns:
        Its tag.

    Raises:
        NotPublished: the store could not be written.
    """
    name = model_name(card.ticker, card.horizon).lower()
    labels = {"ticker": card.ticker, "horizon": str(card.horizon), "source": card.source}
    home = Path(os.environ["BENTOML_HOME"])
    try:
        # BentoML's store is not made for two that write to the same model.
        with FileLock(home / "publishing.lock", timeout=LOCK_TIMEOUT):
            with bentoml.models.create(
                f"{name}:v{card.version}-{uuid.uuid4().hex[:8]}",
                labels=labels,
                metadata={"run_id": card.run_id, "version": card.version},
            ) as entry:
                Path(entry.path_of(FOREST_FILE)).write_bytes(forest)
                Path(entry.path_of(CARD_FILE)).write_text(card.model_dump_json(indent=1), encoding="utf-8")
            prune(home / "models" / name)
    except (OSError, BentoMLException) as error:
        remedy = "make room and run `python -m training publish`"
        raise NotPublished(f"{name}: version {card.version} is not in the model store: {error}; {remedy}") from error
    return str(entry.tag)
