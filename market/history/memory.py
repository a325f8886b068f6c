"""Histories in memory: whole ones of the tickers that were looked at last, of the others the last bars."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from market.history.history import History
from market.history.windows import Window, Windows, last_of
from market.series import Series

MOST_IN_MEMORY = 256  # whole histories; six years of one take about 90 kB


@dataclass(frozen=True, slots=True)
class CachedHistory:
    """A history in memory with what it was made from and when.

    Attributes:
        asked_at: Unix seconds, when a provider was last asked.
        until: elapsed seconds, up to which it is answered without a further look.
        sessions: the last published and the newest begun session when it was made.
    """

    history: History
    series: Series
    asked_at: float
    until: float
    sessions: tuple[np.datetime64, np.datetime64]

    @property
    def is_simulated(self) -> bool:
        """Whether the bars are invented."""
        return self.series.bars.simulated


class HistoryMemory:
    """The histories that are held.

    Args:
        version_of: of the file that a local provider made a series from; null for other series.
    """

    def __init__(self, version_of: Callable[[Series], object]) -> None:
        self._version_of = version_of
        self._whole: dict[str, CachedHistory] = {}
        self._windows = Windows()

    def get(self, ticker: str) -> CachedHistory | None:
        """The whole history, if it is held."""
        return self._whole.get(ticker)

    def window(self, ticker: str) -> Window | None:
        """The last bars, of a ticker whose whole history is held no more."""
        return self._windows.get(ticker) if ticker not in self._whole else None

    def held(self, ticker: str) -> History | None:
        """What there is, whatever its age."""
        held = self._whole.get(ticker) or self._windows.get(ticker)
        return held.history if held is not None else None

    def keep(self, cached: CachedHistory) -> None:
        """Let go of what was looked at longest ago, but for its last bars; the store has the whole."""
        ticker = cached.series.ticker
        self._whole.pop(ticker, None)
        self._whole[ticker] = cached
        self._windows.drop(ticker)
        if len(self._whole) > MOST_IN_MEMORY:
            oldest = next(iter(self._whole))
            self._windows.put(oldest, self._window_of(self._whole.pop(oldest)))

    def keep_window(self, ticker: str, window: Window) -> None:
        """Hold the last bars of `ticker`."""
        self._windows.put(ticker, window)

    def stale(self) -> int:
        """How many lack a session that should have been published."""
        return sum(cached.history.stale for cached in self._whole.values()) + self._windows.stale()

    def _window_of(self, cached: CachedHistory) -> Window:
        version = self._version_of(cached.series)
        return Window(last_of(cached.history), cached.asked_at, cached.until, cached.sessions, version)
