"""Published models as files: which one is newest, and its card.

The BentoML model store keeps `NAME/VERSION/` and, in the file `NAME/latest`, the version that was published last.
Reading that file costs microseconds, so a running service can look every second; the store's interface parses YAML.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from configuration import Settings, bento_folder, bento_store
from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard, model_name

LATEST_FILE = "latest"
LONGEST_NAME = 255
# After which a file that is written again has another time, whatever the file system counts in.
SETTLED_SECONDS = 2.0
REMEDY = "publish the model again (`python -m training publish`), or train it again where another release made it"
NOT_THERE = (FileNotFoundError, NotADirectoryError)


class UnreadableModel(Exception):
    """A published model's files are missing, damaged or of another format; the text is one line that names them."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published model: its folder and its card."""

    folder: Path
    card: ModelCard

    @property
    def forest(self) -> Path:
        """Its ONNX file."""
        return self.folder / FOREST_FILE


def default_roots(settings: Settings) -> tuple[Path, ...]:
    """Where models are: the BentoML store, then what came with the bento or image that this source is part of."""
    homes = [Path(os.environ.get("BENTOML_HOME") or settings.home / "bentoml"), bento_folder(), bento_store()]
    return tuple(dict.fromkeys(home / "models" for home in homes if home is not None))


def newest_folder(roots: Sequence[Path], ticker: str, horizon: int) -> Path | None:
    """Folder of the model that was published last, from the first of `roots` that has one."""
    return newest_entry(roots, model_name(ticker, horizon))


def newest_entry(roots: Sequence[Path], name: str) -> Path | None:
    """The same by the name of the model."""
    for root in roots:
        try:
            folder = _pointed_to(root, name)
        except OSError:
            continue
        if folder is not None:
            return folder
    return None


def _pointed_to(root: Path, name: str) -> Path | None:
    with (root / name.lower() / LATEST_FILE).open("rb", buffering=0) as file:
        # Read once: BentoML writes this file over, and two reads could see the beginning of one name and the end of
        # another.
        version = file.read(LONGEST_NAME).decode().strip()
    return root / name.lower() / version if version else None


class Pointers:
    """The same for who asks again and again: a pointer is read anew when its file is another, or was written just now.

    With thousands of models that is the larger part of a look.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [str(root) for root in roots]
        self._read: dict[str, tuple[tuple[int, int, int], Path | None]] = {}

    def newest(self, name: str) -> Path | None:
        """The folder of the model `name` that was published last.

        Raises:
            OSError: there is none, and one of the stores cannot be read, so that it may be there.
            ValueError: the pointer is no text.
        """
        unreadable: OSError | None = None
        for root in self._roots:
            path = f"{root}/{name.lower()}/{LATEST_FILE}"
            try:
                found = self._of(root, path, name)
            except NOT_THERE:
                continue
            except OSError as error:
                unreadable = error
                continue
            if found is not None:
                return found
        if unreadable:
            raise unreadable
        return None

    def _of(self, root: str, path: str, name: str) -> Path | None:
        status = os.stat(path)  # noqa: PTH116  # a path object costs more than the call
        mark = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._read.get(path)
        if known is None or known[0] != mark:
            known = (mark, _pointed_to(Path(root), name))
            if time.time() - status.st_mtime > SETTLED_SECONDS:
                self._read[path] = known
        return known[1]


def read_published_model(folder: Path) -> PublishedModel:
    """The model in `folder`.

    Raises:
        UnreadableModel: there is no valid card.
    """
    path = folder / CARD_FILE
    try:
        return PublishedModel(folder, ModelCard.model_validate_json(path.read_bytes()))
    except OSError as error:
        raise UnreadableModel(f"{path}: {error.strerror}; publish the model again") from None
    except ValidationError as error:
        raise UnreadableModel(f"{path}: not a model card of this release: {_wrong_in(error)}; {REMEDY}") from None


def _wrong_in(error: ValidationError) -> str:
    """The first thing that is wrong with a card, without what stands there, which may be long."""
    first, *others = error.errors(include_url=False, include_input=False)
    more = f" (and {len(others)} more)" if others else ""
    if not first["loc"]:
        return " ".join(first["msg"].split()).removeprefix("Value error, ") + more
    field = ".".join(map(str, first["loc"]))
    wrong = {"missing": "is missing", "extra_forbidden": "is not known"}.get(first["type"], f"is wrong, {first['msg']}")
    return f"its field `{field}` {wrong}{more}"


def published_models(roots: Sequence[Path], ticker: str, horizon: int) -> Iterator[PublishedModel]:
    """Every published version of a ticker and horizon whose card can be read, in no order."""
    for root in roots:
        for path in (root / model_name(ticker, horizon).lower()).glob(f"*/{CARD_FILE}"):
            with suppress(UnreadableModel):
                yield read_published_model(path.parent)
