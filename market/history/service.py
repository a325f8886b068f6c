"""Bars of each ticker: in memory while young, in the store across restarts, from the chain when due."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import structlog

from concurrency.process_turns import ProcessTurns
from concurrency.single_flight import SingleFlight
from market.bars import SIMULATED
from market.calendar.sessions import Sessions
from market.clock import Clock
from market.errors import MarketError, NoPrices
from market.history.findings_log import log_findings
from market.history.history import History, history_of
from market.history.memory import CachedHistory, HistoryMemory
from market.history.past import KnownBy, PastHistory, end_of, past_history
from market.history.publication import is_due, last_published
from market.history.series_source import SeriesSource
from market.history.sqlite_store import HistoryStore
from market.history.windows import Window
from market.providers.chain import Chain
from market.providers.provider import VersionedProvider
from market.series import Series

LOCAL_LOOK_SECONDS = 2.0  # between two looks at a local provider
LOOK_SECONDS = 60.0  # between two looks at the store, and between two tries after a failure
WAIT_SECONDS = 0.25  # for newer bars where older ones are known
SERVED_ON_SECONDS = 1.0  # for which the older ones then serve without waiting
CALENDAR_LOOK_SECONDS = 86400.0  # between two looks at the calendar's end

log = structlog.get_logger(__name__)


class HistoryService:
    """Keeps the bars of all tickers.

    Args:
        ttl: seconds that stored bars live before they are fetched again.
        quoted_tickers: how many share the providers' quotas; one request for each is kept for its quote.
        turns: of the processes that fetch, so that one fetch serves them all.
    """

    def __init__(
        self,
        chain: Chain,
        store: HistoryStore,
        sessions: Sessions,
        *,
        ttl: float,
        quoted_tickers: int,
        turns: ProcessTurns,
        clock: Clock,
    ) -> None:
        self._chain = chain
        # Looked at once: whether an object fits a protocol takes longer than to find its ticker's bars.
        self._versioned = {one.name: one for one in chain.providers if isinstance(one, VersionedProvider)}
        self._source = SeriesSource(chain, store, sessions, clock)
        self._sessions = sessions
        self._ttl = ttl
        self._quoted_tickers = quoted_tickers
        self._turns = turns
        self._clock = clock
        self._memory = HistoryMemory(self._version_of)
        self._flights = SingleFlight[History]()
        self._calendar_seen_at = clock.elapsed()

    async def history(self, ticker: str) -> History:
        """From memory while young, else from the store, else from the chain, else the old ones.

        Old ones also serve while the chain takes its time.

        Raises:
            NoPrices: no provider answered and none ever did.
        """
        cached = self._memory.get(ticker)
        if cached is not None and self._clock.elapsed() < cached.until:
            return cached.history
        if cached is None:
            return await self._flights.join(ticker, lambda: self._find(ticker))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._flights.join(ticker, lambda: self._find(ticker))
        except TimeoutError:
            # The search goes on; callers in the next second do not wait for it either.
            return self._serve_on(cached, SERVED_ON_SECONDS)

    def held(self, ticker: str) -> History | None:
        """What memory holds, whatever its age."""
        return self._memory.held(ticker)

    async def recent(self, ticker: str) -> History:
        """The same with the last WINDOW_SESSIONS bars at least, of which many more tickers are held.

        Raises:
            NoPrices: as `history`.
        """
        window = self._memory.window(ticker)
        if window is None:
            return await self.history(ticker)
        if self._clock.elapsed() < window.until or self._was_newest(window):
            return window.history
        is_newest = window.sessions == self._current_sessions() and await asyncio.to_thread(self._is_newest, window)
        if not is_newest:
            return await self.history(ticker)
        until = self._clock.elapsed() + self._usual_seconds(window.history.bars.source)
        self._memory.keep_window(ticker, replace(window, until=until))
        return window.history

    async def fetch(self, ticker: str, *, real: bool) -> History:
        """From the chain, whatever the age of those that are stored; with `real`, never simulated ones.

        Raises:
            NoPrices: no provider answered.
        """
        cached = await self._known(ticker)
        return await self._flights.join(f"fetch {ticker} {real}", lambda: self._fetch(ticker, cached, real=real))

    async def for_training(self, ticker: str, newer_than: datetime | None) -> History:
        """Bars to train on, for which the providers' quotas are spared.

        Args:
            newer_than: fetch them unless they were fetched later than this, as a person who asks for a training
                wants; None: any stored ones will do, whatever their age.

        Raises:
            NoPrices: none are stored and no provider gives long enough ones; or newer ones could not be fetched.
        """
        cached = await self._known(ticker)
        if cached is None or cached.is_simulated:
            return await self._first_for_training(ticker)
        if not self._has_real_provider():
            fetched_at = cached.history.fetched_at.isoformat()
            log.warning("bars.stored_used", ticker=ticker, fetched_at=fetched_at, reason="no provider is configured")
            return cached.history
        if newer_than is not None and cached.asked_at <= newer_than.timestamp():
            return await self.fetch(ticker, real=True)
        limited = self._chain.named(cached.series.source)
        return cached.history if limited and not limited.provider.is_local else await self.history(ticker)

    async def as_of(self, ticker: str, day: date) -> PastHistory:
        """What was known at the end of `day`: by fetch times where the store reaches back, else by sessions.

        Raises:
            NothingThen: no bar up to then is known.
            NoPrices: none at all is known.
        """
        stored = await asyncio.to_thread(self._source.stored, ticker, end_of(day))
        if stored is not None:
            return past_history(stored.series, day, KnownBy.FETCH_TIME, self._sessions)
        await self.history(ticker)
        known = await asyncio.to_thread(self._load, ticker) or self._memory.get(ticker)
        if known is None:
            raise NoPrices(ticker, ["its bars are not held any more; ask again"])
        return past_history(known.series, day, KnownBy.SESSION_DATE, self._sessions)

    def is_current(self, ticker: str) -> bool:
        """Whether the stored bars need no fetch now."""
        cached = self._load(ticker)
        return cached is not None and not self._is_due(cached)

    def unstored(self, ticker: str) -> str | None:
        """Why the bars fetched last could not be stored; None where they are."""
        return self._source.unstored(ticker)

    async def _first_for_training(self, ticker: str) -> History:
        """Real bars where a provider gives long histories; simulated ones where no real price was ever stored."""
        gives_enough = any(provider.full_history for provider in self._chain.providers)
        if self._has_real_provider() and not gives_enough:
            raise NoPrices(ticker, ["no configured provider gives histories long enough to train on; add one"])
        return await self.history(ticker)

    def _has_real_provider(self) -> bool:
        return any(provider.name != SIMULATED for provider in self._chain.providers)

    def stale_tickers(self) -> int:
        """How many of the histories in memory lack a session that should have been published."""
        return self._memory.stale()

    async def _find(self, ticker: str) -> History:
        await self._renew_calendar()
        cached = self._memory.get(ticker)
        if cached is None or cached.is_simulated or not self._chain.is_local(cached.series.source):
            cached = await asyncio.to_thread(self._newest_known, ticker)
        if cached is not None and not self._is_due(cached):
            return self._keep(cached.series, cached.history.fetched_at, cached.asked_at).history
        try:
            return await self._fetch(ticker, cached, kept_requests=self._kept_for_quotes(cached))
        except NoPrices as error:
            if cached is None:
                raise
            fetched_at = cached.history.fetched_at.isoformat()
            log.info("bars.old_served", ticker=ticker, fetched_at=fetched_at, reason=str(error))
            return self._serve_on(cached, LOOK_SECONDS)

    def _kept_for_quotes(self, cached: CachedHistory | None) -> int:
        """Requests that are left to quotes: none while a session's bar is missing, else one for each ticker."""
        is_missing = cached is None or cached.is_simulated or cached.history.stale
        return 0 if is_missing else self._quoted_tickers

    async def _fetch(
        self, ticker: str, cached: CachedHistory | None, *, real: bool = False, kept_requests: int = 0
    ) -> History:
        if not self._chain.asks_the_network:
            return await self._ask_chain(ticker, cached, real=real)
        wanted_at = self._clock.now()
        async with self._turns.turn(f"bars-{ticker}"):
            newest = await asyncio.to_thread(self._load, ticker)
            if newest is not None and newest.asked_at > wanted_at:  # another process fetched them meanwhile
                return self._keep(newest.series, newest.history.fetched_at, newest.asked_at).history
            return await self._ask_chain(ticker, cached, real=real, kept_requests=kept_requests)

    async def _ask_chain(
        self, ticker: str, cached: CachedHistory | None, *, real: bool, kept_requests: int = 0
    ) -> History:
        stored = cached.series if cached is not None and not cached.is_simulated else None
        series, asked_at = await self._source.fetch(ticker, stored, real=real, kept_requests=kept_requests)
        return self._keep(series, datetime.fromtimestamp(asked_at, UTC), asked_at).history

    async def _known(self, ticker: str) -> CachedHistory | None:
        return await asyncio.to_thread(self._newest_known, ticker)

    def _newest_known(self, ticker: str) -> CachedHistory | None:
        """What is in memory, unless the store has something real or newer."""
        cached = self._memory.get(ticker)
        stored_at = self._source.fetched_at(ticker)
        if stored_at is None:
            return cached
        if cached is not None and not cached.is_simulated and stored_at.timestamp() <= cached.asked_at:
            return cached
        return self._load(ticker) or cached

    def _load(self, ticker: str) -> CachedHistory | None:
        stored = self._source.stored(ticker)
        if stored is None:
            return None
        return self._made(stored.series, stored.fetched_at, stored.fetched_at.timestamp(), until=float("-inf"))

    def _serve_on(self, cached: CachedHistory, seconds: float) -> History:
        return self._keep(cached.series, cached.history.fetched_at, cached.asked_at, seconds).history

    def _keep(
        self, series: Series, fetched_at: datetime, asked_at: float, seconds: float | None = None
    ) -> CachedHistory:
        """Answer with `series` for a while; the history itself is made anew only when something has changed."""
        until = self._clock.elapsed() + (seconds or self._usual_seconds(series.source))
        cached = self._memory.get(series.ticker)
        if cached is not None and cached.series is series and cached.sessions == self._current_sessions():
            cached = CachedHistory(cached.history, series, asked_at, until, cached.sessions)
        else:
            cached = self._made(series, fetched_at, asked_at, until)
            log_findings(cached.history)
        self._memory.keep(cached)
        return cached

    def _was_newest(self, window: Window) -> bool:
        """Whether the file of a local provider was the same a moment ago; without input or output."""
        bars = window.history.bars
        local = self._local(bars.source)
        if local is None or window.version is None or not local.was_version(bars.ticker, window.version):
            return False
        return window.sessions == self._current_sessions()

    def _is_newest(self, window: Window) -> bool:
        """Whether nothing newer is known than a window; looks at the file of a local provider, else into the store."""
        bars = window.history.bars
        if self._chain.is_local(bars.source):
            local = self._local(bars.source)
            return local is not None and window.version is not None and local.is_version(bars.ticker, window.version)
        if self._asks_again(bars.source, window.asked_at):
            return False
        return self._source.fetched_at(bars.ticker) == window.history.fetched_at

    def _version_of(self, series: Series) -> object:
        """Of the file of a local provider; null for others."""
        local = self._local(series.source)
        return local.version_of(series) if local is not None else None

    def _local(self, source: str) -> VersionedProvider | None:
        """The local provider of this name, if it tells versions."""
        return self._versioned.get(source)

    def _usual_seconds(self, source: str) -> float:
        return LOCAL_LOOK_SECONDS if self._chain.is_local(source) else LOOK_SECONDS

    def _made(self, series: Series, fetched_at: datetime, asked_at: float, until: float) -> CachedHistory:
        published, begun = current = self._current_sessions()
        history = history_of(
            series.until(self._sessions.last_complete(self._clock.moment)),
            fetched_at,
            self._sessions,
            published=published,
            begun=begun,
            is_corrected=not self._chain.is_local(series.source),
        )
        return CachedHistory(history, series, asked_at, until, current)

    def _current_sessions(self) -> tuple[np.datetime64, np.datetime64]:
        moment = self._clock.moment
        return last_published(self._sessions, moment), self._sessions.begun(moment)

    async def _renew_calendar(self) -> None:
        if self._clock.elapsed() - self._calendar_seen_at <= CALENDAR_LOOK_SECONDS:
            return
        self._calendar_seen_at = self._clock.elapsed()
        try:
            await asyncio.to_thread(self._sessions.renew, self._clock.moment)
        except MarketError as error:
            log.error("calendar.ending", last=str(self._sessions.session[-1]), reason=str(error))  # noqa: TRY400

    def _is_due(self, cached: CachedHistory) -> bool:
        return self._asks_again(cached.series.source, cached.asked_at)

    def _asks_again(self, source: str, asked_at: float) -> bool:
        limited = self._chain.named(source)
        if limited is None or limited.provider.is_local:
            return True
        return is_due(asked_at, self._clock.now(), self._ttl, self._sessions)
