"""The latest price of each ticker: in memory and shared while young, from the chain when due, judged before it is used.

A quote serves for as long as the provider's quota needs: with 25 requests a day, ten tickers cannot be asked every five
minutes. Outside sessions nothing is lost by that, for the price stands still; while one runs, such a quote is stale.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from concurrency.process_turns import ProcessTurns
from concurrency.single_flight import SingleFlight
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.clock import Clock
from market.errors import HeldBack, NoPrices
from market.history.history import History
from market.history.publication import CLOCK_TOLERANCE
from market.history.service import LOCAL_LOOK_SECONDS, LOOK_SECONDS, SERVED_ON_SECONDS, WAIT_SECONDS, HistoryService
from market.providers.chain import Chain
from market.providers.provider import Provider
from market.quotes.expiry import fresh_until, is_stale, next_request
from market.quotes.quote import Quote
from market.quotes.shared import SharedQuotes
from market.quotes.validation import rejection_reason

STREAMED_SECONDS = 1.0  # for which an answer may hold a streamed price; then the next one may be there
REFETCH_SECONDS = 3600.0  # between two fetches of bars that might explain a quote

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CachedQuote:
    """A quote in memory.

    Attributes:
        until: elapsed seconds, up to which it is answered without a further look.
        is_substitute: whether it stands in for one that no provider gave.
    """

    quote: Quote
    until: float
    is_substitute: bool


class Quotes:
    """Keeps the quotes of all tickers.

    Args:
        ttl: seconds that a quote lives, shared by all processes.
        memory_ttl: seconds that a process uses its copy before it looks again.
        tickers: how many share the quotas.
        turns: of the processes that ask, so that one request serves them all.
        streamed: gives the newest price of a ticker that a stream has delivered.
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
        turns: ProcessTurns,
        streamed: Callable[[str], Quote | None] = lambda _: None,
        clock: Clock,
    ) -> None:
        self._chain = chain
        self._histories = histories
        self._shared = shared
        self._sessions = sessions
        self._ttl = ttl
        self._memory_ttl = min(ttl, memory_ttl)
        self._tickers = tickers
        self._turns = turns
        self._streamed = streamed
        self._rejected: set[str] = set()
        self._was_live: dict[str, Quote] = {}
        self._judged_live: dict[str, tuple[Quote, Quote]] = {}
        self._clock = clock
        self._cached: dict[str, CachedQuote] = {}
        self._refetched_at: dict[str, float] = {}
        self._flights = SingleFlight[Quote]()

    async def quote(self, ticker: str) -> Quote:
        """From a stream or memory while young, else what another process has, else from the chain, else the last known.

        Raises:
            NoPrices: there is none.
        """
        if (newest := self._streamed(ticker)) is not None and (live := await self._live(newest)) is not None:
            return live
        cached = self._cached.get(ticker)
        if cached is not None and self._clock.elapsed() < cached.until:
            return cached.quote
        if cached is None or not cached.is_substitute:
            return await self._flights.join(ticker, lambda: self._find(ticker))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._flights.join(ticker, lambda: self._find(ticker))
        except TimeoutError:
            # The search goes on; callers in the next second do not wait for it either.
            return self._keep(cached.quote, SERVED_ON_SECONDS, is_substitute=True)

    async def _live(self, newest: Quote) -> Quote | None:
        """A streamed price while its session runs, unless it is old or an outlier; held to what a polled one is."""
        moment = self._clock.moment
        judged = self._judged_live.get(newest.ticker)
        if judged is not None and judged[0] is newest and _lives(judged[1], moment):
            return judged[1]
        session = self._sessions.running(moment)
        if session is None or self._sessions.begun(newest.at) != session:
            return None
        age = (moment - (newest.fetched_at or newest.at)).total_seconds()
        if age >= self._ttl or self._is_of_a_later_clock(newest):
            return None
        history = await self._histories.recent(newest.ticker)
        if reason := rejection_reason(newest, history, self._sessions, []):
            if newest.ticker not in self._rejected:
                log.warning("stream.price_held_back", ticker=newest.ticker, reason=reason)
            self._rejected.add(newest.ticker)
            return None
        self._rejected.discard(newest.ticker)
        self._was_live[newest.ticker] = newest
        seconds = min(STREAMED_SECONDS, self._ttl - age)
        live = newest.marked(stale=False, expires_at=moment + timedelta(seconds=seconds))
        self._judged_live[newest.ticker] = (newest, live)
        return live

    async def _find(self, ticker: str) -> Quote:
        history = await self._histories.recent(ticker)
        # What is shared is young only where it came over the network.
        shared = await self._read_shared(ticker, history) if self._chain.asks_the_network else None
        if shared is not None and (young := await self._young(shared, history)):
            return self._keep(young, self._memory_ttl)
        try:
            fresh = await self._fetch_in_turn(ticker, history)
        except NoPrices as error:
            shared = shared or await self._read_shared(ticker, history)
            log.info("quote.last_known_served", ticker=ticker, reason=str(error))
            substitute = self._last_known(shared, history, error)
            return self._keep(substitute, min(self._memory_ttl, LOOK_SECONDS), is_substitute=True)
        return self._keep(fresh, LOCAL_LOOK_SECONDS if self._chain.is_local(fresh.source) else self._memory_ttl)

    async def _read_shared(self, ticker: str, history: History) -> Quote | None:
        return None if history.bars.simulated else await asyncio.to_thread(self._shared.read, ticker)

    async def _fetch_in_turn(self, ticker: str, history: History) -> Quote:
        """From the chain, or what another process that was asking has got meanwhile."""
        if history.bars.simulated or not self._chain.asks_the_network:
            return await self._fetch(ticker, history)
        async with self._turns.turn(f"quote-{ticker}"):
            shared = await self._read_shared(ticker, history)
            if shared is not None and (young := await self._young(shared, history)):
                return young
            return await self._fetch(ticker, history)

    async def _fetch(self, ticker: str, history: History) -> Quote:
        simulated = history.bars.simulated
        providers = [provider for provider in self._chain.providers if (provider.name == SIMULATED) is simulated]
        held_back: list[Quote] = []

        async def ask(provider: Provider) -> Quote:
            quote = await provider.quote(ticker)
            if reason := rejection_reason(quote, history, self._sessions, held_back):
                held_back.append(quote)
                raise HeldBack(reason)
            return quote

        try:
            # Outside sessions the price stands still: a request for each ticker's bars and one for its quote in the
            # next session are kept of a scarce quota.
            kept = 0 if self._sessions.running(self._clock.moment) else 2 * self._tickers
            quote = await self._chain.first(ticker, "quote", providers, ask, kept_requests=kept)
        except NoPrices:
            explained = await self._explained(ticker, held_back)
            if explained is None:
                raise
            quote = explained
        moment = self._clock.moment
        quote = replace(quote, fetched_at=moment)
        if not self._chain.is_local(quote.source):
            await asyncio.to_thread(self._shared.write, quote, moment)
        return self._judged(quote, await self._next_request(quote))

    async def _explained(self, ticker: str, held_back: list[Quote]) -> Quote | None:
        """One of the quotes held back that newer bars explain: a split may have come since they were fetched."""
        refetched_at = self._refetched_at.get(ticker, float("-inf"))
        if not held_back or self._clock.elapsed() - refetched_at < REFETCH_SECONDS:
            return None
        self._refetched_at[ticker] = self._clock.elapsed()
        try:
            history = await self._histories.fetch(ticker, real=True)
        except NoPrices:
            return None
        return next((quote for quote in held_back if not rejection_reason(quote, history, self._sessions, [])), None)

    async def _young(self, shared: Quote, history: History) -> Quote | None:
        """`shared`, unless it should be asked for again or its provider is not configured any more."""
        limited = self._chain.named(shared.source)
        if limited is None or limited.provider.is_local or rejection_reason(shared, history, self._sessions, []):
            return None
        due_at = await self._next_request(shared)
        is_due = self._clock.moment >= due_at or self._is_of_a_later_clock(shared)
        return None if is_due else self._judged(shared, due_at)

    def _is_of_a_later_clock(self, quote: Quote) -> bool:
        return (quote.fetched_at or quote.at) > self._clock.moment + CLOCK_TOLERANCE

    async def _next_request(self, quote: Quote) -> datetime:
        limited = self._chain.named(quote.source)
        fetched_at = quote.fetched_at or quote.at
        if limited is None or limited.quota is None:
            return fetched_at + timedelta(seconds=self._ttl)
        windows, usage = limited.quota.windows, await limited.quota.usage()
        return next_request(quote, self._sessions, self._ttl, tickers=self._tickers, windows=windows, usage=usage)

    def _last_known(self, shared: Quote | None, history: History, error: NoPrices) -> Quote:
        """The newest of the last quote, the last streamed price and the last close, and what was held back."""
        bars, moment = history.bars, self._clock.moment
        live = self._was_live.get(bars.ticker)
        if live is not None and (shared is None or live.at > shared.at) and not self._is_of_a_later_clock(live):
            shared = live
        last = bars.session[-1]
        closed_at = min(self._sessions.closes(last), moment)
        known = Quote(bars.ticker, float(bars.close[-1]), closed_at, bars.source, fetched_at=history.fetched_at)
        stale = bool(self._sessions.begun(moment) > last)
        if shared is not None and shared.at > closed_at and not rejection_reason(shared, history, self._sessions, []):
            known, stale = shared, is_stale(shared, self._sessions, self._ttl, moment)
        held_back = "; ".join(reason for reason in error.reasons if HeldBack.MARK in reason) or None
        expires_at = moment + timedelta(seconds=LOOK_SECONDS)
        return known.marked(stale=stale or held_back is not None, expires_at=expires_at, held_back=held_back)

    def _judged(self, quote: Quote, due_at: datetime) -> Quote:
        """The quote, marked as stale, or with the moment up to which it is not."""
        moment = self._clock.moment
        if is_stale(quote, self._sessions, self._ttl, moment):
            return quote.marked(stale=True, expires_at=due_at)
        return quote.marked(stale=False, expires_at=min(due_at, fresh_until(quote, self._sessions, self._ttl, moment)))

    def _keep(self, quote: Quote, seconds: float, *, is_substitute: bool = False) -> Quote:
        if quote.expires_at is not None and not quote.stale:
            seconds = min(seconds, (quote.expires_at - self._clock.moment).total_seconds())
        self._cached[quote.ticker] = CachedQuote(quote, self._clock.elapsed() + seconds, is_substitute)
        return quote


def _lives(quote: Quote, moment: datetime) -> bool:
    """Whether a streamed quote's second is running; not when the clock was set back before it."""
    until = quote.expires_at or moment
    return until - timedelta(seconds=STREAMED_SECONDS) <= moment < until
