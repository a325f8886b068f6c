"""The latest price of each ticker: in memory and shared while young, from the chain when due, judged before it is used.

A quote's life stretches to what the provider's quota affords: with 25 requests a day, ten tickers cannot be asked every
five minutes. Outside sessions nothing is lost by that, for the price stands still.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from concurrency.single_flight import SingleFlight
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.errors import HeldBack, NoPrices
from market.history.service import CHECK, GRACE, RECHECK, History, HistoryService
from market.providers import Provider
from market.providers.chain import Chain
from market.quotes.quote import Quote
from market.quotes.redis_store import SharedQuotes
from market.quotes.validation import doubt, life

REFETCH = 3600.0  # seconds between two fetches of bars that might explain a quote

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A quote in memory.

    Attributes:
        until: Unix seconds up to which it is answered without a further look.
        makeshift: whether it stands in for one that no provider gave.
    """

    quote: Quote
    until: float
    makeshift: bool


class Quotes:
    """Keeps the quotes of all tickers.

    Args:
        ttl: seconds that a quote lives, shared by all processes.
        memory_ttl: seconds that a process uses its copy before it looks again.
        tickers: how many share the quotas.
        now: Unix seconds.
    """

    def __init__(
        self,
        chain: Chain,
        histories: HistoryService,
        shared: SharedQuotes,
        sessions: Sessions,
        *,
        ttl: float,
        memory_ttl: float,
        tickers: int,
        now: Callable[[], float],
    ) -> None:
        self._chain = chain
        self._histories = histories
        self._shared = shared
        self._sessions = sessions
        self._ttl = ttl
        self._memory_ttl = min(ttl, memory_ttl)
        self._tickers = tickers
        self._now = now
        self._known: dict[str, Remembered] = {}
        self._refetched_at: dict[str, float] = {}
        self._flights = SingleFlight[Quote]()

    async def quote(self, ticker: str) -> Quote:
        """From memory while young, else what another process has, else from the chain, else the last price known.

        Raises:
            NoPrices: there is none.
        """
        known = self._known.get(ticker)
        if known is not None and self._now() < known.until:
            return known.quote
        if known is None or not known.makeshift:
            return await self._flights.join(ticker, lambda: self._find(ticker))
        try:
            async with asyncio.timeout(GRACE):
                return await self._flights.join(ticker, lambda: self._find(ticker))
        except TimeoutError:
            # The search goes on; whoever asks in the next second need not wait for it either.
            return self._remember(known.quote, 1.0, makeshift=True)

    async def _find(self, ticker: str) -> Quote:
        history = await self._histories.history(ticker)
        shared = None if history.bars.simulated else await asyncio.to_thread(self._shared.read, ticker)
        if shared is not None and (young := await self._alive(shared, history)):
            return self._remember(young, self._memory_ttl)
        try:
            fresh = await self._fetch(ticker, history)
        except NoPrices as error:
            log.info("%s: the last price known serves: %s", ticker, error)
            last_known = self._last_known(shared, history, error)
            return self._remember(last_known, min(self._memory_ttl, RECHECK), makeshift=True)
        return self._remember(fresh, CHECK if self._is_local(fresh.source) else self._memory_ttl)

    async def _fetch(self, ticker: str, history: History) -> Quote:
        simulated = history.bars.simulated
        providers = [provider for provider in self._chain.providers if (provider.name == SIMULATED) is simulated]
        held: list[Quote] = []

        async def ask(provider: Provider) -> Quote:
            quote = await provider.quote(ticker)
            if reason := doubt(quote, history, self._sessions, held):
                held.append(quote)
                raise HeldBack(reason)
            return quote

        try:
            quote = await self._chain.first(ticker, "quote", providers, ask)
        except NoPrices:
            explained = await self._explained(ticker, held)
            if explained is None:
                raise
            quote = explained
        moment = self._moment()
        quote = replace(quote, fetched_at=moment)
        if not self._is_local(quote.source):
            await asyncio.to_thread(self._shared.write, quote, moment)
        return self._aged(quote, await self._life(quote))

    async def _explained(self, ticker: str, held: list[Quote]) -> Quote | None:
        """One of the quotes held back that newer bars explain: a split may have come since they were fetched."""
        if not held or self._now() - self._refetched_at.get(ticker, 0.0) < REFETCH:
            return None
        self._refetched_at[ticker] = self._now()
        try:
            history = await self._histories.fetch(ticker, real=True)
        except NoPrices:
            return None
        return next((quote for quote in held if not doubt(quote, history, self._sessions, [])), None)

    async def _alive(self, shared: Quote, history: History) -> Quote | None:
        """`shared` while its life lasts and its provider is still configured."""
        link = self._chain.link(shared.source)
        if link is None or link.provider.local or doubt(shared, history, self._sessions, []):
            return None
        life = await self._life(shared)
        return self._aged(shared, life) if self._moment() < life else None

    async def _life(self, quote: Quote) -> datetime:
        link = self._chain.link(quote.source)
        fetched_at = quote.fetched_at or quote.at
        if link is None or link.quota is None:
            return fetched_at + timedelta(seconds=self._ttl)
        usage = await link.quota.usage()
        return life(quote, self._sessions, self._ttl, tickers=self._tickers, windows=link.quota.windows, usage=usage)

    def _last_known(self, shared: Quote | None, history: History, error: NoPrices) -> Quote:
        """The newer of the last quote and the last close, and what was held back."""
        bars, moment = history.bars, self._moment()
        closed_at = min(self._sessions.closes(bars.session[-1]), moment)
        known = Quote(bars.ticker, float(bars.close[-1]), closed_at, bars.source, fetched_at=history.fetched_at)
        stale = history.stale
        if shared is not None and shared.at > closed_at and not doubt(shared, history, self._sessions, []):
            known, stale = shared, self._expired(shared, moment)
        held_back = "; ".join(reason for reason in error.reasons if HeldBack.MARK in reason) or None
        expires_at = moment + timedelta(seconds=RECHECK)
        return known.marked(stale=stale or held_back is not None, expires_at=expires_at, held_back=held_back)

    def _aged(self, quote: Quote, expires_at: datetime) -> Quote:
        return quote.marked(stale=self._expired(quote, self._moment()), expires_at=expires_at)

    def _expired(self, quote: Quote, moment: datetime) -> bool:
        """Older than the calendar says: a session has closed since, or ran since and the quote has had its time."""
        if self._sessions.begun(quote.at) < self._sessions.last_complete(moment):
            return True
        fetched_at = quote.fetched_at or quote.at
        moved = self._sessions.running(fetched_at) is not None or self._sessions.running(moment) is not None
        return moved and moment - fetched_at > timedelta(seconds=self._ttl)

    def _is_local(self, source: str) -> bool:
        link = self._chain.link(source)
        return link is not None and link.provider.local

    def _remember(self, quote: Quote, seconds: float, *, makeshift: bool = False) -> Quote:
        until = self._now() + seconds
        if quote.expires_at is not None and not quote.stale:
            until = min(until, quote.expires_at.timestamp())
        self._known[quote.ticker] = Remembered(quote, until, makeshift)
        return quote

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)
