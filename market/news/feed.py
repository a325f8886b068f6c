"""Where the rest of the program gets news: what is stored, asked for anew in the background."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime

import structlog

from concurrency.single_flight import SingleFlight
from market.clock import Clock
from market.errors import InvalidFile, KeptForQuotes, Paused, ProviderError
from market.news.article import Article, News, NewsProvider
from market.news.files import NewsFile
from market.news.store import NewsStore
from market.providers.circuit_breaker import ProviderCircuitBreaker

LIFE_SECONDS = 86400.0  # of what a provider said, before it is asked again
RETRY_SECONDS = 3600.0  # before one that failed is asked again

log = structlog.get_logger(__name__)


class NewsFeed:
    """News of every ticker; none where nothing is configured.

    Args:
        file: of articles, if one is configured.
        provider: asked once a day for each ticker that somebody asks about, as far as its quota goes.
        store: of what the provider said.
    """

    def __init__(
        self,
        file: NewsFile | None = None,
        provider: NewsProvider | None = None,
        store: NewsStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._file = file
        self._provider = provider
        self._store = store
        self._clock = clock or Clock()
        self._circuit = ProviderCircuitBreaker(provider.name, self._clock) if provider else None
        self._due_at: dict[str, float] = {}
        self._flights = SingleFlight[None]()
        self._refreshing: set[asyncio.Task[None]] = set()
        self._logged = ""

    async def news_of(self, ticker: str, before: datetime, days: int) -> News:
        """What is known of the last `days` days before `before`; where it is due, a provider is asked meanwhile."""
        if self._provider is not None and self._clock.elapsed() >= self._due_at.get(ticker, float("-inf")):
            self._due_at[ticker] = self._clock.elapsed() + RETRY_SECONDS
            task = asyncio.create_task(self.refresh(ticker))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)
        articles = await asyncio.to_thread(self._known, ticker)
        return News.of(ticker, articles, before, days)

    async def refresh(self, ticker: str) -> None:
        """Ask the provider unless its answer is younger than a day; a failure leaves what is known."""
        await self._flights.join(ticker, lambda: self._refresh(ticker))

    async def close(self) -> None:
        """Give up what is being asked, and close the connections."""
        for task in self._refreshing:
            task.cancel()
        if self._provider is not None:
            await self._provider.close()

    async def _refresh(self, ticker: str) -> None:
        provider, store = self._provider, self._store
        if provider is None or store is None or self._circuit is None:
            return
        try:
            fetched_at = await asyncio.to_thread(store.fetched_at, ticker, provider.name)
            age = (self._clock.moment - fetched_at).total_seconds() if fetched_at else LIFE_SECONDS
            if age < LIFE_SECONDS:
                self._due_at[ticker] = self._clock.elapsed() + LIFE_SECONDS - max(age, 0.0)
                return
            with self._circuit.asking(ticker, "news"):
                articles = await provider.articles(ticker)
            await asyncio.to_thread(store.write, ticker, provider.name, articles, self._clock.moment)
            self._due_at[ticker] = self._clock.elapsed() + LIFE_SECONDS
        except (ProviderError, sqlite3.Error, OSError) as error:
            self._due_at[ticker] = self._clock.elapsed() + RETRY_SECONDS
            if not isinstance(error, Paused | KeptForQuotes):
                log.info("news.not_fetched", ticker=ticker, provider=provider.name, reason=str(error))

    def _known(self, ticker: str) -> Sequence[Article]:
        found: list[Article] = []
        try:
            if self._file is not None:
                found += self._file.articles(ticker)
            if self._provider is not None and self._store is not None:
                found += self._store.read(ticker)
        except (InvalidFile, sqlite3.Error, OSError, ValueError) as error:
            if self._logged != str(error):
                self._logged = str(error)
                log.error("news.unreadable", reason=self._logged)  # noqa: TRY400  # the line says all
        return found
