"""Series from where they come from: the store, which is a help and no condition, and the chain of providers."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from concurrency.sqlite_damage import is_damage
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.clock import Clock
from market.errors import MarketError
from market.history.merge import are_equal, changed_part, merged
from market.history.sqlite_store import HistoryStore, Stored
from market.providers.chain import Chain
from market.providers.provider import Provider
from market.series import Series

OVERLAP_SESSIONS = 5  # of an update that are already stored

REMEDY = "make STOCKS_HOME a writable directory with room"
UNAVAILABLE = (sqlite3.Error, OSError, MarketError)

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class SeriesSource:
    """What is stored of each ticker, and what providers give, which is stored."""

    def __init__(self, chain: Chain, store: HistoryStore, sessions: Sessions, clock: Clock) -> None:
        self._chain = chain
        self._store = store
        self._sessions = sessions
        self._clock = clock
        self._unstored: dict[str, str] = {}

    def stored(self, ticker: str, before: datetime | None = None) -> Stored | None:
        """The newest stored series, or as it had been fetched before a moment; None where the store cannot be read."""
        return self._attempt(lambda: self._store.read(ticker, before=before))

    def fetched_at(self, ticker: str) -> datetime | None:
        """When the newest stored series was fetched last; None where the store cannot be read."""
        return self._attempt(lambda: self._store.fetched_at(ticker))

    async def fetch(
        self, ticker: str, stored: Series | None, *, real: bool, kept_requests: int = 0
    ) -> tuple[Series, float]:
        """From the first provider that answers, joined to what is stored, and stored.

        Args:
            stored: real bars that are known.
            real: never simulated ones, which no ticker gets that real bars were ever known of.
            kept_requests: that are left of each quota.

        Returns:
            The whole series, and the Unix seconds at which it came.

        Raises:
            NoPrices: no provider answered.
        """
        real = real or stored is not None or await asyncio.to_thread(self._was_real, ticker)
        providers = [
            provider
            for provider in sorted(self._chain.providers, key=lambda provider: not provider.full_history)
            if provider.full_history or _may_begin(provider, stored, real=real)
        ]
        series, update = await self._chain.first(
            ticker,
            "bars",
            providers,
            lambda provider: self._ask(provider, ticker, stored),
            kept_requests=kept_requests,
        )
        moment = self._clock.now()
        if not series.bars.simulated and (update is not None or series is not stored):
            fetched_at = datetime.fromtimestamp(moment, UTC)
            await asyncio.to_thread(self._keep, series, update, stored, fetched_at)
        return series, moment

    def unstored(self, ticker: str) -> str | None:
        """Why the bars fetched last could not be stored; None where they are."""
        return self._unstored.get(ticker)

    async def _ask(self, provider: Provider, ticker: str, stored: Series | None) -> tuple[Series, Series | None]:
        """The whole series, and the update alone when it continues what is stored."""
        complete = self._sessions.last_complete(self._clock.moment)
        if stored is not None and stored.source == provider.name and not provider.is_local:
            since = stored.bars.session[-OVERLAP_SESSIONS:][0]
            update = (await provider.series(ticker, since)).until(complete)
            if (joined := merged(stored, update)) is not None:
                return joined, update
            if not provider.full_history:
                return update, None
        series = await provider.series(ticker)
        return series if provider.is_local else series.until(complete), None

    def _keep(self, series: Series, update: Series | None, stored: Series | None, fetched_at: datetime) -> None:
        ticker = series.ticker
        try:
            self._repeated(lambda: self._write(series, update, stored, fetched_at))
            self._unstored.pop(ticker, None)
        except UNAVAILABLE as error:
            self._unstored[ticker] = str(error)
            self._tell(error)

    def _write(self, series: Series, update: Series | None, stored: Series | None, fetched_at: datetime) -> None:
        if update is not None:
            if not self._store.extend(changed_part(update, stored), fetched_at):
                self._store.replace(series, fetched_at)
        elif stored is None or not are_equal(series, stored):
            self._store.replace(series.until(self._sessions.last_complete(self._clock.moment)), fetched_at)

    def _was_real(self, ticker: str) -> bool:
        return bool(self._attempt(lambda: self._store.knows(ticker)))

    def _attempt(self, use: Callable[[], Answer]) -> Answer | None:
        """The store is a help, not a condition: without it prices still come from the providers."""
        try:
            return self._repeated(use)
        except UNAVAILABLE as error:
            self._tell(error)
            return None

    @staticmethod
    def _repeated(use: Callable[[], Answer]) -> Answer:
        """Once more after a file that was damaged, for a new one is in its place."""
        try:
            return use()
        except sqlite3.DatabaseError as error:
            if not (is_damage(error) or _is_half_made(error)):
                raise
        return use()

    def _tell(self, error: Exception) -> None:
        log.error("history.unavailable", file=str(self._store.path), reason=str(error), remedy=REMEDY)


def _is_half_made(error: sqlite3.DatabaseError) -> bool:
    """Whether another process has just begun to make the file: its tables are missing."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _may_begin(provider: Provider, stored: Series | None, *, real: bool) -> bool:
    """Whether a provider without full histories may answer: never in place of longer bars that are known."""
    if provider.name == SIMULATED:
        return not real
    return stored is None or stored.source == provider.name
