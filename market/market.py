"""Bars and quotes of any ticker: memory, history store and provider chain behind a few calls."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self, TypedDict

from configuration import Settings
from market import providers
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.history.service import History, HistoryService
from market.history.sqlite_store import HistoryStore
from market.providers import Link
from market.providers.chain import Chain
from market.quotes.quote import Quote
from market.quotes.redis_store import SharedQuotes
from market.quotes.service import Quotes
from market.reports.calendar import ReportCalendar
from market.reports.dates import ReportDates
from redis_client import connect

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["History", "Market", "ProviderUsage"]

REDIS_TIMEOUT = 0.5


class ProviderUsage(TypedDict):
    """Requests of the last 24 hours and how many there may be; None without such a limit."""

    used_today: int
    limit_today: int | None


class Market:
    """Where the rest of the program gets its prices.

    Known and young answers come from memory, without I/O; concurrent questions about one ticker share one fetch.
    """

    def __init__(
        self,
        links: Sequence[Link],
        store: HistoryStore,
        sessions: Sessions,
        *,
        history_ttl: float,
        quote_ttl: float,
        memory_ttl: float = 60.0,
        tickers: int = 10,
        redis: "Redis | None" = None,
        reports: ReportCalendar | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.sessions = sessions
        self._redis = redis
        self._reports = reports or ReportCalendar()
        self._chain = Chain(links)
        self._histories = HistoryService(self._chain, store, sessions, history_ttl, now)
        shared = SharedQuotes(store, redis)
        self._quotes = Quotes(
            self._chain,
            self._histories,
            shared,
            sessions,
            ttl=quote_ttl,
            memory_ttl=memory_ttl,
            tickers=tickers,
            now=now,
        )

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The market as configured.

        Raises:
            CalendarExhausted: the exchange is unknown or its calendar cannot be written.
        """
        sessions = Sessions.open(settings.exchange, settings.home)
        redis = (
            connect(settings.cache.redis_url.get_secret_value(), REDIS_TIMEOUT) if settings.cache.redis_url else None
        )
        return cls(
            providers.make(settings.market, sessions, settings.home, redis),
            HistoryStore(settings.home),
            sessions,
            history_ttl=settings.market.history_ttl,
            quote_ttl=settings.market.quote_ttl,
            memory_ttl=settings.cache.memory_ttl,
            tickers=len(settings.tickers),
            redis=redis,
            reports=ReportCalendar.open(settings.market),
        )

    async def history(self, ticker: str) -> History:
        """The bars of `ticker`: from memory or the store while young, else from the chain, else the old ones.

        Raises:
            NoPrices: no provider answered and none ever did.
        """
        return await self._histories.history(ticker)

    async def fetch(self, ticker: str, *, real: bool = False) -> History:
        """The newest bars of `ticker`, whatever the age of those that are stored; with `real`, never simulated ones.

        Raises:
            NoPrices: no provider answered.
        """
        return await self._histories.fetch(ticker, real=real)

    def is_current(self, ticker: str) -> bool:
        """Whether the stored bars of `ticker` are young enough that `history` would not fetch."""
        return self._histories.is_current(ticker)

    async def quote(self, ticker: str) -> Quote:
        """The latest price of `ticker`; the last one known, marked, where no provider has any.

        Raises:
            NoPrices: there is none.
        """
        return await self._quotes.quote(ticker)

    def reports_of(self, ticker: str) -> ReportDates:
        """Past and announced reports of `ticker`, from memory."""
        return self._reports.reports_of(ticker)

    @property
    def has_real_providers(self) -> bool:
        """Whether any configured provider could give prices that are not invented."""
        return any(provider.name != SIMULATED for provider in self._chain.providers)

    async def usage(self) -> dict[str, ProviderUsage]:
        """Requests that each provider took, by all processes together."""
        usage = await self._chain.usage()
        return {
            name: ProviderUsage(used_today=used.used_today, limit_today=used.limit_today)
            for name, used in usage.items()
        }

    def stale_tickers(self) -> int:
        """How many of the tickers in memory lack a session that should have been published."""
        return self._histories.stale_tickers()

    def states(self) -> dict[str, str]:
        """`closed` for each provider that is asked, `open` for one that is left alone for a while."""
        return self._chain.states()

    async def close(self) -> None:
        """Let go of every provider's connections."""
        await self._chain.close()
        if self._redis is not None:
            self._redis.close()
