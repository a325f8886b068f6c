"""Served predictions on disk: JSON lines, one file for each month in which they were written, by any number of workers.

Each line says when it was written and names the one before by its hash; see `hash_chain`.
"""

import fcntl
import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from serving.monitoring.track_record import hash_chain

log = structlog.get_logger(__name__)

LOCK_FILE = "lock"
WRITTEN_AT = "written_at"
# In a line beside the prediction.
# What only some predictions have.
SOMETIMES = frozenset({"arm", "scale", "deciles"})
NOT_NOTED = frozenset({WRITTEN_AT, hash_chain.PREVIOUS})


@dataclass(frozen=True, slots=True)
class Noted:
    """A prediction, as returns from the close of `made_on`.

    Attributes:
        arm: of the experiment that it was made for beside the answer; empty for one that was served.
        scale: width of the baseline's interval for the same bars, as a return; 0 for one that was served.
        deciles: returns that are exceeded with 90, 80, ... 10 %; empty where only the interval is known.
    """

    ticker: str
    horizon: int
    made_on: str
    target_on: str
    type: str
    version: int | None
    simulated: bool
    median: float
    lower: float
    upper: float
    arm: str = ""
    scale: float = 0.0
    deciles: Sequence[float] = ()

    @property
    def source(self) -> tuple[object, ...]:
        """What made it; one source's prediction of a session is one, however often it was served."""
        return self.ticker, self.horizon, self.type, self.version, self.simulated, self.arm

    def entry(self) -> dict[str, Any]:
        """What is written of it."""
        return {name: value for name, value in asdict(self).items() if name not in SOMETIMES or value}


class PredictionLog:
    """Appends, reads what was appended since the last read, and removes old months."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "served"
        self._read_to: dict[Path, int] = {}

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._folder

    def append(self, predictions: Iterable[Noted]) -> None:
        """Write predictions down, all of a month at once.

        Raises:
            OSError: the disk is full or read-only; what was not written should be tried again.
        """
        written_at = datetime.now(UTC)
        entries = [noted.entry() | {WRITTEN_AT: written_at.isoformat(timespec="seconds")} for noted in predictions]
        if not entries:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / LOCK_FILE).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            files = self.files()
            # A clock that was set back begins no earlier file: the newest is the one that goes on.
            path = max([self._folder / f"{written_at:%Y-%m}.jsonl", *files])
            hash_chain.append(path, entries, max((one for one in files if one < path), default=None))

    def files(self) -> list[Path]:
        """The files there are, the oldest first."""
        return sorted(self._folder.glob("*.jsonl"))

    def head(self) -> str:
        """Hash of the line that was written last to the newest file."""
        return hash_chain.head_of(max(self.files(), default=None))

    def verify(self, head: str | None = None) -> hash_chain.Verified:
        """Walk along all lines and compare each with what the next says of it.

        Args:
            head: hash of a line that was the last one once, and must still be there.
        """
        return hash_chain.verify(self.files(), head)

    def read_new(self, since_month: str) -> Iterator[Noted]:
        """What any worker wrote since the last call, in the files of `since_month` (YYYY-MM) and later.

        A prediction is written in the month of its session or later.
        """
        for path in self.files():
            if path.stem >= since_month:
                yield from self._read_on(path)

    def remove_before(self, month: str) -> None:
        """Remove the files of months before `month` (YYYY-MM)."""
        for path in self.files():
            if path.stem < month:
                path.unlink(missing_ok=True)
                self._read_to.pop(path, None)
                log.info("predictions.removed", month=path.stem)

    def _read_on(self, path: Path) -> Iterator[Noted]:
        with path.open("rb") as file:
            file.seek(self._read_to.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._read_to[path] = self._read_to.get(path, 0) + len(line)
                try:
                    yield _read(json.loads(line))
                except (ValueError, TypeError, AttributeError):
                    continue  # a line cut off by a crash


def _read(entry: dict[str, Any]) -> Noted:
    """The prediction of a line, in half the memory: a session's texts are there once, and deciles side by side."""
    given = {name: _shared(value) for name, value in entry.items() if name not in NOT_NOTED}
    return Noted(**given | {"deciles": array("d", given.get("deciles", ()))})


def _shared(value: Any) -> Any:
    return sys.intern(value) if isinstance(value, str) else value
