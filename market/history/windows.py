"""The last bars of tickers whose whole histories are no longer held."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from market.bars import COLUMNS, Bars
from market.history.history import History

# As many as any forecast looks back over, and some more.
WINDOW_SESSIONS = 600
# Of 600 sessions each takes about 30 kB.
MOST_WINDOWS = 6000

Current = tuple[np.datetime64, np.datetime64]


@dataclass(frozen=True, slots=True)
class Window:
    """The last bars of a history, and what tells whether they are still the newest.

    Attributes:
        history: with WINDOW_SESSIONS bars at most.
        asked_at: Unix seconds, when a provider was last asked.
        until: elapsed seconds, up to which it is answered without a further look.
        sessions: the last published and the newest begun session when it was made.
        version: of a local provider's file; null for others.
    """

    history: History
    asked_at: float
    until: float
    sessions: Current
    version: object = None


class Windows:
    """At most MOST_WINDOWS of them; what was put in longest ago goes first."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, ticker: str) -> Window | None:
        """The window of `ticker`, if it is held."""
        return self._held.get(ticker)

    def put(self, ticker: str, window: Window) -> None:
        """Hold it."""
        self._held[ticker] = window
        self._held.move_to_end(ticker)
        if len(self._held) > MOST_WINDOWS:
            self._held.popitem(last=False)

    def drop(self, ticker: str) -> None:
        """Hold it no longer: the whole history is."""
        self._held.pop(ticker, None)

    def stale(self) -> int:
        """How many lack a session that should have been published."""
        return sum(window.history.stale for window in self._held.values())


def last_of(history: History) -> History:
    """The same with the last WINDOW_SESSIONS bars, copied, so that nothing holds the others."""
    bars = history.bars
    kept = {name: getattr(bars, name)[-WINDOW_SESSIONS:].copy() for name in ("session", *COLUMNS)}
    return replace(history, bars=Bars(bars.ticker, bars.source, **kept))
