"""Bars and quotes of any ticker: memory, history store and provider chain behind a few calls."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

import structlog

from concurrency.process_turns import ProcessTurns
from configuration import Settings, scratch
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.clock import Clock
from market.errors import MarketError
from market.history.history import History
from market.history.past import PastHistory
from market.history.service import HistoryService
from market.history.sqlite_store import HistoryStore
from market.news.article import News
from market.news.configured import configured_news
from market.news.feed import NewsFeed
from market.providers.chain import Chain
from market.providers.configured import Resources, configured_providers
from market.providers.provider import LimitedProvider
from market.quotes.quote import Quote
from market.quotes.service import Quotes
from market.quotes.shared import SharedQuotes, quotes_namespace
from market.reports.calendar import ReportCalendar
from market.reports.configured import configured_reports
from market.reports.dates import ReportDates
from market.streams.configured import configured_streams
from market.streams.live_prices import LivePrices, NoStreams
from redis_client import connect

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["History", "Market", "ProviderUsage"]

REDIS_TIMEOUT_SECONDS = 0.5
TURN_TIMEOUT_SECONDS = 10.0  # for which a process waits while another asks for the same

log = structlog.get_logger(__name__)


class ProviderUsage(TypedDict):
    """Requests of the last 24 hours and how many there may be; None without such a limit."""

    used_today: int
    limit_today: int | None


class Market:
    """Where the rest of the program gets its prices.

    Known and young answers come from memory, without I/O; concurrent questions about one ticker share one fetch.

    Args:
        history_ttl, quote_ttl, memory_ttl: lives in seconds, of stored bars, of shared quotes, of copies in memory.
        tickers: how many share the providers' quotas.
        turns: of the processes of this machine, which ask one after the other.
        redis: closed with the market.
        streams: of prices, which serve before those that are asked for.
    """

    def __init__(
        self,
        providers: Sequence[LimitedProvider],
        store: HistoryStore,
        sessions: Sessions,
        *,
        history_ttl: float,
        quote_ttl: float,
        turns: ProcessTurns,
        memory_ttl: float = 60.0,
        tickers: int = 10,
        quotes: SharedQuotes | None = None,
        redis: "Redis | None" = None,
        reports: ReportCalendar | None = None,
        streams: LivePrices | None = None,
        news: NewsFeed | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or Clock()
        self._redis = redis
        self._store = store
        self.sessions = sessions
        self._reports = reports or ReportCalendar()
        self.streams = streams or NoStreams()
        self._news = news or NewsFeed()
        self._chain = Chain(providers)
        self._histories = HistoryService(
            self._chain, store, sessions, ttl=history_ttl, quoted_tickers=tickers, turns=turns, clock=clock
        )
        self._quotes = Quotes(
            self._chain,
            self._histories,
            quotes or SharedQuotes(store),
            sessions,
            ttl=quote_ttl,
            memory_ttl=memory_ttl,
            tickers=tickers,
            turns=turns,
            streamed=self.streams.latest,
            clock=clock,
        )

    def store_kept_open(self) -> AbstractContextManager[None]:
        """Around the bars of many tickers in a row, which the store then reads and writes sooner."""
        return self._store.kept_open()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The market as configured.

        Raises:
            CalendarExhausted: the exchange is unknown or its calendar cannot be written.
        """
        sessions = Sessions.open(settings.exchange, settings.home)
        url = settings.cache.redis_url
        redis = connect(url.get_secret_value(), REDIS_TIMEOUT_SECONDS) if url else None
        store = _open_store(settings.home)
        resources = Resources(settings, sessions, settings.home, redis)
        return cls(
            configured_providers(resources),
            store,
            sessions,
            history_ttl=settings.market.history_ttl,
            quote_ttl=settings.market.quote_ttl,
            turns=ProcessTurns(settings.home / "turns", TURN_TIMEOUT_SECONDS),
            memory_ttl=settings.cache.memory_ttl,
            tickers=len(settings.tickers),
            quotes=SharedQuotes(store, redis, quotes_namespace(settings)),
            redis=redis,
            reports=configured_reports(resources, store),
            streams=configured_streams(resources),
            news=configured_news(resources, store),
        )

    async def history(self, ticker: str) -> History:
        """The bars of `ticker`: from memory or the store while young, else from the chain, else the old ones.

        Raises:
            NoPrices: no provider answered and none ever did.
        """
        return await self._histories.history(ticker)

    async def recent(self, ticker: str) -> History:
        """The same as `history`, but perhaps the last 600 bars alone: what forecasts look back over.

        Raises:
            NoPrices: as `history`.
        """
        return await self._histories.recent(ticker)

    def held(self, ticker: str) -> History | None:
        """What memory holds of `ticker`, whatever its age; without input or output."""
        return self._histories.held(ticker)

    async def fetch(self, ticker: str, *, real: bool = False) -> History:
        """The newest bars of `ticker`, whatever the age of those that are stored; with `real`, never simulated ones.

        Raises:
            NoPrices: no provider answered.
        """
        return await self._histories.fetch(ticker, real=real)

    async def for_training(self, ticker: str, newer_than: datetime | None = None) -> History:
        """Bars to train on; stored ones where there are, so that quotes keep the providers' quotas.

        Args:
            newer_than: fetch them unless they were fetched later than this.

        Raises:
            NoPrices: none are stored and none long enough can be fetched, or newer ones could not be.
        """
        return await self._histories.for_training(ticker, newer_than)

    async def as_of(self, ticker: str, day: date) -> PastHistory:
        """The bars of `ticker` as they were known at the end of `day`, UTC.

        Raises:
            NothingThen: no bar up to then is known.
            NoPrices: none at all is known.
        """
        return await self._histories.as_of(ticker, day)

    def is_current(self, ticker: str) -> bool:
        """Whether the stored bars of `ticker` are young enough that `history` would not fetch."""
        return self._histories.is_current(ticker)

    def unstored(self, ticker: str) -> str | None:
        """Why the bars of `ticker` that were fetched last could not be stored; None where they are."""
        return self._histories.unstored(ticker)

    async def quote(self, ticker: str) -> Quote:
        """The latest price of `ticker`; the last one known, marked, where no provider has any.

        Raises:
            NoPrices: there is none.
        """
        return await self._quotes.quote(ticker)

    def reports_of(self, ticker: str) -> ReportDates:
        """Past and announced reports of `ticker`, from memory."""
        return self._reports.reports_of(ticker)

    async def refresh_reports(self, ticker: str) -> ReportDates:
        """The same after the providers of report dates were asked where what they said is older than a day."""
        return await self._reports.refresh(ticker)

    async def news_of(self, ticker: str, before: datetime, days: int) -> News:
        """What was written about `ticker` in the last `days` days before `before`, as far as it is known."""
        return await self._news.news_of(ticker, before, days)

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

    def local_faults(self) -> list[str]:
        """What is wrong with files of prices, as far as this process has read them."""
        return self._chain.local_faults()

    def stale_tickers(self) -> int:
        """How many of the tickers in memory lack a session that should have been published."""
        return self._histories.stale_tickers()

    async def close(self) -> None:
        """Close the connections of every provider and of Redis."""
        await self._reports.close()
        await self._news.close()
        await self._chain.close()
        if self._redis is not None:
            self._redis.close()


def _open_store(home: Path) -> HistoryStore:
    """The store under `home`; where that cannot be written, one that lasts as long as the process."""
    store = HistoryStore(home)
    try:
        store.check_usable()
    except MarketError as error:
        log.error("history.unavailable", reason=str(error), instead="prices last as long as the process")  # noqa: TRY400
        return HistoryStore(scratch())
    return store
