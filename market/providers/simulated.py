"""Invented prices that look like a market, for first runs without a provider; they always say so.

Returns follow a GARCH(1,1) process with Student-t shocks, where a fall raises volatility more than a rise
(Glosten, Jagannathan and Runkle, "On the Relation between the Expected Value and the Volatility of the Nominal Excess
Return on Stocks", 1993). The same ticker has the same bar on the same date whenever and wherever it is asked for.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime

import numpy as np

from market.bars import SIMULATED, Bars, FloatArray
from market.calendar.sessions import Sessions, utc_now
from market.errors import InvalidBars
from market.providers.configured import Resources
from market.providers.provider import LimitedProvider
from market.quotes.quote import Quote
from market.series import Adjustment, Series

FIRST = np.datetime64("2018-01-02")

DAILY_VOLATILITY = (0.012, 0.028)  # range over tickers, long-run standard deviation of daily returns
ARCH, LEVERAGE, GARCH = 0.04, 0.07, 0.88
TAIL = 5.0  # degrees of freedom of the shocks
LARGEST_MOVE = 0.25
DRIFT = 0.0003
OVERNIGHT_SHARE = 0.3  # of a session's variance


class Simulated:
    """Deterministic prices for any ticker, from 2018 to the last complete session."""

    name = SIMULATED
    is_local = True
    full_history = False  # invented: asked after every provider of real bars

    def __init__(self, sessions: Sessions, now: Callable[[], datetime] = utc_now) -> None:
        self._sessions = sessions
        self._now = now
        self._known: dict[str, Bars] = {}

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:  # noqa: ARG002  # always all
        """All bars up to the last complete session."""
        last = self._sessions.last_complete(self._now())
        return Series(await asyncio.to_thread(self._until, ticker, last), Adjustment.SPLIT)

    async def quote(self, ticker: str) -> Quote:
        """The last close; while a session runs, a point on the way from its open to its close."""
        now = self._now()
        running = self._sessions.running(now)
        if running is None:
            bars = (await self.series(ticker)).bars
            return Quote(ticker, float(bars.close[-1]), self._sessions.closes(bars.session[-1]), self.name)
        today = await asyncio.to_thread(lambda: simulate(ticker, self._sessions.between(FIRST, running))[-1:])
        opened = self._sessions.opens(running)
        elapsed = (now - opened) / (self._sessions.closes(running) - opened)
        price = today.open[0] * (today.close[0] / today.open[0]) ** elapsed
        return Quote(ticker, round(float(price), 2), now, self.name)

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _until(self, ticker: str, last: np.datetime64) -> Bars:
        known = self._known.get(ticker)
        if known is None or known.session[-1] != last:
            known = self._known[ticker] = simulate(ticker, self._sessions.between(FIRST, last))
        return known


def build(resources: Resources) -> LimitedProvider:
    """The provider, which needs nothing."""
    return LimitedProvider(Simulated(resources.sessions))


def simulate(ticker: str, session: "np.ndarray[tuple[int], np.dtype[np.datetime64]]") -> Bars:
    """Bars of an invented ticker, in cents.

    Args:
        ticker: decides everything that is random.
        session: shape (n,), from `FIRST` on without gaps; a shorter array gives the beginning of the same series.

    Raises:
        InvalidBars: there is no session.
    """
    if not session.size:
        raise InvalidBars(ticker, f"simulated prices start on {FIRST}")
    seed = int.from_bytes(hashlib.sha256(ticker.encode()).digest()[:8], "big")
    character = np.random.default_rng(seed)
    level = character.uniform(*DAILY_VOLATILITY)
    first_price, typical_volume = character.uniform(30, 300), character.uniform(2e6, 8e7)
    # One row of draws a session, so that a longer series starts with the shorter one.
    normal = np.random.default_rng([seed, 1]).standard_normal((session.size, 4))
    mixing = np.random.default_rng([seed, 2]).chisquare(TAIL, session.size)
    shock = normal[:, 0] * np.sqrt((TAIL - 2) / mixing)
    change, volatility = _returns(shock, level)
    close = first_price * np.cumprod(1 + change)
    before = np.concatenate(([first_price], close[:-1]))
    opened = before * (1 + change * OVERNIGHT_SHARE + volatility * 0.3 * normal[:, 1])
    high = np.maximum(opened, close) * (1 + volatility * 0.4 * np.abs(normal[:, 2]))
    low = np.minimum(opened, close) * (1 - np.minimum(volatility * 0.4 * np.abs(normal[:, 3]), 0.5))
    volume = typical_volume * np.exp(0.5 * np.abs(shock) + 0.2 * normal[:, 1]) * volatility / level
    prices = {"open": opened, "high": high, "low": low, "close": close}
    rounded = {name: np.maximum(np.round(column, 2), 0.01) for name, column in prices.items()}
    return Bars(ticker, SIMULATED, session, volume=np.round(volume), **rounded)


def _returns(shock: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Daily returns and the volatility each was drawn with, both of shape (n,)."""
    base = level**2 * (1 - ARCH - LEVERAGE / 2 - GARCH)
    change, volatility = np.empty_like(shock), np.empty_like(shock)
    variance = level**2
    for index, value in enumerate(shock):
        volatility[index] = np.sqrt(variance)
        surprise = float(np.clip(volatility[index] * value, -LARGEST_MOVE, LARGEST_MOVE))
        change[index] = DRIFT + surprise
        variance = base + (ARCH + LEVERAGE * (surprise < 0)) * surprise**2 + GARCH * variance
    return change, volatility
