"""Served predictions on disk: JSON lines, one file a month, which any number of workers append to."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Noted:
    """A served prediction, as returns from the close of `made_on`."""

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

    @property
    def source(self) -> tuple[object, ...]:
        """What made it; one source's prediction of a session is one, however often it was served."""
        return self.ticker, self.horizon, self.type, self.version, self.simulated


class PredictionLog:
    """Appends, reads what was appended since the last read, and removes old months."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "served"
        self._read_to: dict[Path, int] = {}

    def append(self, predictions: Iterable[Noted]) -> None:
        """Write predictions down, all of a month at once.

        Raises:
            OSError: the disk is full or read-only; what was not written should be tried again.
        """
        by_month: dict[str, list[str]] = {}
        for noted in predictions:
            by_month.setdefault(noted.made_on[:7], []).append(json.dumps(asdict(noted)))
        if by_month:
            self._folder.mkdir(parents=True, exist_ok=True)
        for month, lines in by_month.items():
            with (self._folder / f"{month}.jsonl").open("ab", buffering=0) as file:
                file.write(("\n".join(lines) + "\n").encode())

    def read_new(self, since_month: str) -> Iterator[Noted]:
        """What any worker wrote since the last call, in the files of `since_month` (YYYY-MM) and later."""
        for path in sorted(self._folder.glob("*.jsonl")):
            if path.stem >= since_month:
                yield from self._read_on(path)

    def remove_before(self, month: str) -> None:
        """Remove the files of months before `month` (YYYY-MM)."""
        for path in self._folder.glob("*.jsonl"):
            if path.stem < month:
                path.unlink(missing_ok=True)
                self._read_to.pop(path, None)
                log.info("predictions.removed", month=path.stem)

    def _read_on(self, path: Path) -> Iterator[Noted]:
        with path.open("rb") as file:
            file.seek(self._read_to.get(path, 0))
            whole, _, _ = file.read().rpartition(b"\n")
        self._read_to[path] = self._read_to.get(path, 0) + len(whole) + 1 if whole else self._read_to.get(path, 0)
        for line in whole.splitlines():
            try:
                yield Noted(**json.loads(line))
            except (ValueError, TypeError):
                continue  # a line cut off by a crash
