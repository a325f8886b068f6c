"""Publish a registered version: ONNX file and card into the BentoML model store, where serving finds them."""

import os
import uuid
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException
from filelock import FileLock

from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard, model_name
from training.errors import NotPublished
from training.publishing.pointer import drop_broken_pointer, point_at
from training.publishing.pruning import prune

# Seconds to wait for others who publish; each takes a fraction of one.
LOCK_TIMEOUT = 30.0


def publish(card: ModelCard, onnx: bytes) -> str:
    """Add the files to the store as the newest of their name, which running services take within seconds.

    The store points at the new entry only after all its files are in place, so a crash leaves the old one served.
    Entries that are not needed any more are removed.

    Returns:
        Its tag.

    Raises:
        NotPublished: the store could not be written.
    """
    name = model_name(card.ticker, card.horizon).lower()
    home = Path(os.environ["BENTOML_HOME"])
    try:
        home.mkdir(parents=True, exist_ok=True)
        # BentoML's store does not support two that write to the same model.
        with FileLock(home / "publishing.lock", timeout=LOCK_TIMEOUT):
            folder = home / "models" / name
            drop_broken_pointer(folder)
            tag = _add_entry(name, card, onnx)
            point_at(folder, tag.partition(":")[2])
            prune(folder)
    except (OSError, BentoMLException) as error:
        remedy = "make room and run `python -m training publish`"
        raise NotPublished(f"{name}: version {card.version} is not in the model store: {error}; {remedy}") from error
    return tag


def _add_entry(name: str, card: ModelCard, onnx: bytes) -> str:
    labels = {"ticker": card.ticker, "horizon": str(card.horizon), "source": card.source}
    with bentoml.models.create(
        f"{name}:v{card.version}-{uuid.uuid4().hex[:8]}",
        labels=labels,
        metadata={"run_id": card.run_id, "version": card.version},
    ) as entry:
        Path(entry.path_of(FOREST_FILE)).write_bytes(onnx)
        Path(entry.path_of(CARD_FILE)).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    return str(entry.tag)
