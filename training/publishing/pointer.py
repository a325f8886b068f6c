"""Which entry of a model is newest: the file `latest` in its folder of the BentoML model store.

BentoML writes that file in two steps, so that a kill leaves it empty, and leaves it alone when the clock says that the
entry it names is younger than the new one. An empty one, or one that names an entry without BentoML's description,
then fails every later publication.
"""

import contextlib
from pathlib import Path

from concurrency.atomic_file import replace_file
from forecasting.card import CARD_FILE
from forecasting.model_store import LATEST_FILE
from training.errors import NotPublished

# In which BentoML describes an entry.
DESCRIPTION_FILE = "model.yaml"


def drop_broken_pointer(folder: Path) -> None:
    """Remove the pointer of a model when it names no entry that is there.

    Args:
        folder: of the model in the store; it need not exist.
    """
    name = _named(folder)
    if not name or not all((folder / name / file).is_file() for file in (CARD_FILE, DESCRIPTION_FILE)):
        with contextlib.suppress(FileNotFoundError):
            (folder / LATEST_FILE).unlink()


def point_at(folder: Path, entry: str) -> None:
    """Make `entry` the newest, in one step.

    Raises:
        NotPublished: the store names another one afterwards.
        OSError: the file could not be written.
    """
    with replace_file(folder / LATEST_FILE) as file:
        file.write(entry.encode())
    if (found := _named(folder)) != entry:
        raise NotPublished(f"{folder}: the store names {found or 'nothing'} as newest, not {entry}; publish it again")


def _named(folder: Path) -> str:
    try:
        return (folder / LATEST_FILE).read_bytes().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
