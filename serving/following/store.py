"""The folder that the service reads published models from, as a follower writes it."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from concurrency.atomic_file import replace_file
from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard
from forecasting.model_store import LATEST_FILE, UnreadableModel, read_published_model
from forecasting.model_store_lock import publishing_lock

# What serves, what served before it, and one more for a service that refuses the newest.
KEPT = 3


def published_version(root: Path, name: str) -> int | None:
    """The version of the model `name` that the folder `root` points at; null when there is none that can be read."""
    folder = root / name.lower()
    try:
        return read_published_model(folder / (folder / LATEST_FILE).read_text(encoding="utf-8").strip()).card.version
    except (OSError, UnreadableModel):
        return None


def put(root: Path, name: str, card: ModelCard, forest: bytes) -> None:
    """Add a version and point at it, in this order, so that nobody ever sees half of it.

    A trainer beside the service may publish the same version in the same moment; BentoML then looks for a description
    of what the store points at, which entries made here have none of.

    Raises:
        UnreadableModel: the ONNX file is not the one that the card belongs to.
        OSError: the folder cannot be written.
    """
    if hashlib.sha256(forest).hexdigest() != card.forest_sha256:
        raise UnreadableModel(f"{name}: version {card.version}: its ONNX file is not the one its card belongs to")
    with publishing_lock(root):
        _put(root, root / name.lower(), card, forest)


def _put(root: Path, folder: Path, card: ModelCard, forest: bytes) -> None:
    entry = folder / f"v{card.version}-{card.run_id[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    if not entry.exists():
        with tempfile.TemporaryDirectory(dir=root, prefix="incoming-") as incoming:
            made = Path(incoming) / entry.name
            made.mkdir()
            (made / FOREST_FILE).write_bytes(forest)
            (made / CARD_FILE).write_text(card.model_dump_json(indent=1), encoding="utf-8")
            made.rename(entry)
    entry.touch()
    with replace_file(folder / LATEST_FILE) as file:
        file.write(entry.name.encode())
    _prune(folder)


def _prune(folder: Path) -> None:
    entries = [entry for entry in folder.iterdir() if entry.is_dir()]
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in entries[KEPT:]:
        shutil.rmtree(entry, ignore_errors=True)
