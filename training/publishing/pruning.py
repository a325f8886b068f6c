"""Published versions that nobody needs any more leave the model store."""

import shutil
import tempfile
import time
from pathlib import Path

import bentoml
import structlog
import yaml
from bentoml.exceptions import BentoMLException

from forecasting.model_store import LATEST_FILE

log = structlog.get_logger(__name__)

# What serves, what served before it, and one more: a service that refuses the newest goes on with the one before.
KEPT = 3
# Seconds for which an entry stays after another took its place. Services follow within two; an hour is for requests
# in flight, for a service that is still starting, and for one that refused the newest and is being looked after.
KEPT_FOR = 3600.0
TRASH = "pruned-"


def prune(folder: Path) -> list[str]:
    """Remove the entries of one model that are neither needed nor young.

    An entry leaves its place in one step, so that nobody ever sees half of it, and two who prune at once share the
    work. What a bento of the same store refers to stays.

    Args:
        folder: of the model in the BentoML model store; its entries are the folders in it.

    Returns:
        Names of the entries that were removed.
    """
    removed = []
    try:
        if superfluous := _superfluous(folder):
            with tempfile.TemporaryDirectory(dir=folder.parent.parent, prefix=TRASH) as trash:
                removed = [entry.name for entry in superfluous if _taken_out(entry, Path(trash))]
        _sweep(folder.parent.parent)
    except (OSError, BentoMLException, yaml.YAMLError) as error:
        log.warning("pruning.failed", model=folder.name, problem=str(error))
    return removed


def _superfluous(folder: Path) -> list[Path]:
    """Entries beyond those that are kept, whose successor has been there for long enough."""
    arrived = {entry: at for entry in folder.iterdir() if (at := _arrived(entry))}
    newest_first = sorted(arrived, key=lambda entry: arrived[entry], reverse=True)
    before = time.time() - KEPT_FOR
    old = [
        entry
        for successor, entry in zip(newest_first[KEPT - 1 :], newest_first[KEPT:], strict=False)
        if arrived[successor] < before
    ]
    if not old:
        return []
    needed = {(folder / LATEST_FILE).read_text(encoding="utf-8").strip(), *_in_bentos(folder.name)}
    return [entry for entry in old if entry.name not in needed]


def _arrived(entry: Path) -> float:
    """When an entry came, in Unix seconds; 0 for what is none, or has just been removed by somebody else."""
    try:
        return entry.stat().st_mtime if entry.is_dir() else 0.0
    except FileNotFoundError:
        return 0.0


def _in_bentos(name: str) -> set[str]:
    """Entries of a model that bentos need to start."""
    models = [model.tag for bento in bentoml.bentos.list() for model in bento.info.all_models]
    return {str(tag.version) for tag in models if tag.name == name}


def _taken_out(entry: Path, trash: Path) -> bool:
    try:
        entry.rename(trash / entry.name)
    except FileNotFoundError:
        return False  # somebody else has
    return True


def _sweep(home: Path) -> None:
    """Remove what somebody who prunes was ended in the middle of."""
    for trash in home.glob(f"{TRASH}*"):
        if trash.stat().st_mtime < time.time() - KEPT_FOR:
            shutil.rmtree(trash, ignore_errors=True)
