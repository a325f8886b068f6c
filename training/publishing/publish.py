"""Publish a registered version: ONNX file and card into the BentoML model store, where serving finds them."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException

from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard, model_name
from forecasting.model_store_lock import publishing_lock
from training.errors import NotPublished
from training.publishing.pointer import drop_broken_pointer, point_at
from training.publishing.pruning import prune


def publish(card: ModelCard, onnx: bytes, name: str = "") -> str:
    """Add the files to the store as the newest of their name, which running services take within seconds.

    The store points at the new entry only after all its files are in place, so a crash leaves the old one served.
    Entries that are not needed any more are removed.

    Args:
        name: in the store; that of the champion without it.

    Returns:
        Its tag.

    Raises:
        NotPublished: the store could not be written.
    """
    name = (name or model_name(card.ticker, card.horizon)).lower()
    root = Path(os.environ["BENTOML_HOME"]) / "models"
    folder = root / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        # BentoML's store does not support two that write to the same model.
        with publishing_lock(root):
            drop_broken_pointer(folder)
            entry = f"v{card.version}-{uuid.uuid4().hex[:8]}"
            with _removed_on_failure(folder / entry):
                _add_entry(f"{name}:{entry}", card, onnx)
                point_at(folder, entry)
            prune(folder)
    except (OSError, BentoMLException) as error:
        remedy = "make room and run `python -m training publish`"
        raise NotPublished(f"{name}: version {card.version} is not in the model store: {error}; {remedy}") from error
    return f"{name}:{entry}"


@contextmanager
def _removed_on_failure(entry: Path) -> Iterator[None]:
    """Leave nothing of an entry that could not be published whole, so that repeated failures fill no disk."""
    try:
        yield
    except BaseException:
        shutil.rmtree(entry, ignore_errors=True)
        raise


def _add_entry(tag: str, card: ModelCard, onnx: bytes) -> None:
    labels = {"ticker": card.ticker, "horizon": str(card.horizon), "source": card.source}
    metadata = {"run_id": card.run_id, "version": card.version}
    with bentoml.models.create(tag, labels=labels, metadata=metadata) as entry:
        Path(entry.path_of(FOREST_FILE)).write_bytes(onnx)
        Path(entry.path_of(CARD_FILE)).write_text(card.model_dump_json(indent=1), encoding="utf-8")
