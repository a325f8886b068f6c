"""Which versions many files have, looked at together, so that whoever asks for one of them waits for no disk."""

import asyncio
from collections.abc import Callable, Collection
from math import inf
from time import monotonic
from typing import Any

from concurrency.unhurried import unhurried

# Of a file: when it was written, its size, and its place on the disk.
Version = tuple[int, int, int]

# Where there are fewer files, each is looked at alone when it is asked for.
MANY = 64
# Seconds between two looks at all files while any is asked for, and from a look's beginning for which it holds.
LOOK_EVERY, LOOK_HOLDS = 1.0, 2.0
# Of a processor, which a look takes: 5,000 files in less than a fifth of a second.
LOOK_SHARE = 0.2


class FileVersions:
    """Versions as of a moment ago.

    A look runs in a thread: a disk that hangs holds up the look, not those who ask.
    """

    def __init__(self, version_of: Callable[[str], Version], clock: Callable[[], float] = monotonic) -> None:
        """Look by `version_of`, which raises OSError where there is no file; `clock` gives seconds."""
        self._version_of = version_of
        self._clock = clock
        self._seen: tuple[float, dict[str, Version]] = (-inf, {})
        self._look: asyncio.Future[Any] | None = None

    def lately(self, ticker: str, tickers: Collection[str]) -> Version | None:
        """The version that the file of `ticker` had within the last LOOK_HOLDS seconds; null where that is not known.

        Has the files of all `tickers` looked at where that is due; without input or output itself.
        """
        now, (seen_at, versions) = self._clock(), self._seen
        is_looking = self._look is not None and not self._look.done()
        if len(tickers) > MANY and now - seen_at >= LOOK_EVERY and not is_looking:
            self._look = asyncio.get_running_loop().run_in_executor(None, self._look_at, list(tickers))
        return versions.get(ticker) if now - seen_at < LOOK_HOLDS else None

    def _look_at(self, tickers: list[str]) -> None:
        began, found = self._clock(), {}
        for ticker in unhurried(tickers, LOOK_SHARE):
            try:
                found[ticker] = self._version_of(ticker)
            except OSError:
                continue
        self._seen = began, found
