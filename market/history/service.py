"""Bars of each ticker: in memory while young, in the store across restarts, from the chain when due."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

import numpy as np

from concurrency.single_flight import SingleFlight
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.errors import MarketError, NoPrices
from market.history.merge import continued, newer, same
from market.history.quality import Finding, Kind, inspect
from market.history.sqlite_store import HistoryStore
from market.providers import Provider
from market.providers.chain import Chain
from market.series import Series
from market.splits import split_adjusted

CHECK = 2.0  # seconds between two looks at a local provider
RECHECK = 60.0  # seconds between two looks at the store, and between two tries after a failure
GRACE = 0.25  # seconds to wait for newer bars where older ones are known
CALENDAR_CHECK = 86400.0  # seconds between two looks at the calendar's end
PUBLISHED_AFTER = timedelta(hours=2)  # providers have a session's bar about 90 minutes after its close
PUBLISHED_LATE = timedelta(hours=6)  # and correct it in the evening
OVERLAP = 5  # sessions of a tail that are already stored

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """Bars with what is known about them.

    Attributes:
        bars: split-adjusted to the share as it trades now, complete sessions only.
        fetched_at: when the provider gave them.
        stale: whether a session is missing that should have been published.
        factor: price as traded in the newest bar's session for each unit of its adjusted close; 1.0 unless a split
            has taken effect since.
        findings: what is unusual about them.
    """

    bars: Bars
    fetched_at: datetime
    stale: bool
    factor: float = 1.0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A history in memory with what it was made from and when.

    Attributes:
        asked_at: Unix seconds, when a provider was last asked.
        until: Unix seconds, up to which it is answered without a further look.
        sessions: the last published and the newest begun session when it was made.
    """

    history: History
    series: Series
    asked_at: float
    until: float
    sessions: tuple[np.datetime64, np.datetime64]


class HistoryService:
    """Keeps the bars of all tickers.

    Args:
        ttl: seconds that stored bars live before they are fetched again.
        now: Unix seconds.
    """

    def __init__(
        self, chain: Chain, store: HistoryStore, sessions: Sessions, ttl: float, now: Callable[[], float]
    ) -> None:
        self._chain = chain
        self._store = store
        self._sessions = sessions
        self._ttl = ttl
        self._now = now
        self._known: dict[str, Known] = {}
        self._flights = SingleFlight[History]()
        self._calendar_seen_at = now()

    async def history(self, ticker: str) -> History:
        """From memory while young, else from the store, else from the chain, else the old ones.

        Old ones also serve while the chain takes its time.

        Raises:
            NoPrices: no provider answered and none ever did.
        """
        known = self._known.get(ticker)
        if known is not None and self._now() < known.until:
            return known.history
        if known is None:
            return await self._flights.join(ticker, lambda: self._find(ticker))
        try:
            async with asyncio.timeout(GRACE):
                return await self._flights.join(ticker, lambda: self._find(ticker))
        except TimeoutError:
            # The search goes on; whoever asks in the next second need not wait for it either.
            return self._keep(known.series, known.history.fetched_at, known.asked_at, life=1.0).history

    async def fetch(self, ticker: str, *, real: bool) -> History:
        """From the chain, whatever the age of those that are stored; with `real`, never simulated ones.

        Raises:
            NoPrices: no provider answered.
        """
        known = self._known.get(ticker) or await asyncio.to_thread(self._load, ticker)
        return await self._flights.join(f"fetch {ticker} {real}", lambda: self._fetch(ticker, known, real=real))

    def is_current(self, ticker: str) -> bool:
        """Whether the stored bars need no fetch now."""
        known = self._load(ticker)
        return known is not None and not self._due(known)

    def stale_tickers(self) -> int:
        """How many of the histories in memory lack a session that should have been published."""
        return sum(known.history.stale for known in self._known.values())

    async def _find(self, ticker: str) -> History:
        if self._now() - self._calendar_seen_at > CALENDAR_CHECK:
            self._calendar_seen_at = self._now()
            await asyncio.to_thread(self._renew_calendar)
        known = self._known.get(ticker)
        if known is None or not self._is_local(known.series.source):
            known = await asyncio.to_thread(self._newest_known, ticker)
        if known is not None and not self._due(known):
            return self._keep(known.series, known.history.fetched_at, known.asked_at).history
        try:
            return await self._fetch(ticker, known)
        except NoPrices as error:
            if known is None:
                raise
            log.info("%s: bars of %s serve on: %s", ticker, known.history.fetched_at.isoformat(), error)
            return self._keep(known.series, known.history.fetched_at, known.asked_at, life=RECHECK).history

    async def _fetch(self, ticker: str, known: Known | None, *, real: bool = False) -> History:
        stored = known.series if known is not None and not known.history.bars.simulated else None
        real = real or stored is not None or await asyncio.to_thread(self._was_real, ticker)
        providers = [
            provider for provider in self._order() if provider.whole or _may_begin(provider, stored, real=real)
        ]
        series, tail = await self._chain.first(
            ticker, "bars", providers, lambda provider: self._ask(provider, ticker, stored)
        )
        moment = self._now()
        if not series.bars.simulated:
            fetched_at = datetime.fromtimestamp(moment, UTC)
            await asyncio.to_thread(self._attempt, lambda: self._write(series, tail, stored, fetched_at))
        return self._keep(series, datetime.fromtimestamp(moment, UTC), moment).history

    async def _ask(self, provider: Provider, ticker: str, stored: Series | None) -> tuple[Series, Series | None]:
        """The whole series, and the part of it that is new when it continues what is stored."""
        complete = self._complete()
        if stored is not None and stored.source == provider.name and not provider.local:
            since = stored.bars.session[-OVERLAP:][0]
            tail = (await provider.series(ticker, since)).until(complete)
            if (joined := continued(stored, tail)) is not None:
                return joined, tail
            if not provider.whole:
                return tail, None
        series = await provider.series(ticker)
        return series if provider.local else series.until(complete), None

    def _order(self) -> list[Provider]:
        return sorted(self._chain.providers, key=lambda provider: not provider.whole)

    def _write(self, series: Series, tail: Series | None, stored: Series | None, fetched_at: datetime) -> None:
        if tail is not None:
            if not self._store.extend(newer(tail, stored), fetched_at):
                self._store.replace(series, fetched_at)
        elif stored is None or not same(series, stored):
            self._store.replace(series.until(self._complete()), fetched_at)

    def _newest_known(self, ticker: str) -> Known | None:
        """What is in memory, unless another process has stored something newer."""
        known = self._known.get(ticker)
        stored_at = self._attempt(lambda: self._store.fetched_at(ticker))
        if known is not None and (stored_at is None or stored_at.timestamp() <= known.asked_at):
            return known
        return self._load(ticker) or known

    def _load(self, ticker: str) -> Known | None:
        stored = self._attempt(lambda: self._store.read(ticker))
        if stored is None:
            return None
        return self._made(stored.series, stored.fetched_at, stored.fetched_at.timestamp(), until=0.0)

    def _was_real(self, ticker: str) -> bool:
        return bool(self._attempt(lambda: self._store.knows(ticker)))

    def _attempt(self, use: Callable[[], Answer]) -> Answer | None:
        """The store is a help, not a condition: without it prices still come from the providers."""
        try:
            return use()
        except (sqlite3.Error, OSError, MarketError) as error:
            log.error("the history store cannot be used: %s", error)  # noqa: TRY400  # the line says all
            return None

    def _keep(self, series: Series, fetched_at: datetime, asked_at: float, life: float | None = None) -> Known:
        """Answer with `series` for a while; the history itself is made anew only when something has changed."""
        until = self._now() + (life or (CHECK if self._is_local(series.source) else RECHECK))
        known = self._known.get(series.ticker)
        if known is not None and known.series is series and known.sessions == self._moment():
            known = Known(known.history, series, asked_at, until, known.sessions)
        else:
            known = self._made(series, fetched_at, asked_at, until)
            _report(known.history)
        self._known[series.ticker] = known
        return known

    def _made(self, series: Series, fetched_at: datetime, asked_at: float, until: float) -> Known:
        published, begun = moment = self._moment()
        part = series.until(self._complete())
        adjusted = split_adjusted(part, begun)
        stale = bool(part.bars.session[-1] < published)
        history = History(adjusted.bars, fetched_at, stale, adjusted.factor, inspect(part, self._sessions, published))
        return Known(history, series, asked_at, until, moment)

    def _moment(self) -> tuple[np.datetime64, np.datetime64]:
        now = datetime.fromtimestamp(self._now(), UTC)
        return self._sessions.last_complete(now - PUBLISHED_AFTER), self._sessions.begun(now)

    def _complete(self) -> np.datetime64:
        return self._sessions.last_complete(datetime.fromtimestamp(self._now(), UTC))

    def _renew_calendar(self) -> None:
        try:
            self._sessions.renew(datetime.fromtimestamp(self._now(), UTC))
        except MarketError as error:
            log.error("the calendar soon ends at %s: %s", self._sessions.session[-1], error)  # noqa: TRY400  # says all

    def _is_local(self, source: str) -> bool:
        link = self._chain.link(source)
        return link is not None and link.provider.local

    def _due(self, known: Known) -> bool:
        link = self._chain.link(known.series.source)
        if link is None or link.provider.local:
            return True
        now = self._now()
        published, _ = self._moment()
        moments = [known.asked_at + self._ttl]
        if known.history.bars.session[-1] < published:
            closed = self._sessions.closes(published)
            moments += [(closed + PUBLISHED_AFTER).timestamp(), (closed + PUBLISHED_LATE).timestamp()]
        return any(known.asked_at < moment <= now for moment in moments)


def _may_begin(provider: Provider, stored: Series | None, *, real: bool) -> bool:
    """Whether a provider without whole histories may answer: never in place of longer bars that are known."""
    if provider.name == "simulated":
        return not real
    return stored is None or stored.source == provider.name


def _report(history: History) -> None:
    if not history.bars.simulated:
        for finding in history.findings:
            _log_once(history.bars.ticker, finding)


@lru_cache(maxsize=4096)
def _log_once(ticker: str, finding: Finding) -> None:
    """In this process: bars are loaded again and again, what is unusual about them stays the same."""
    level = logging.INFO if finding.kind in (Kind.JUMP, Kind.SPLIT, Kind.STALE, Kind.SHORT) else logging.WARNING
    log.log(level, "%s: %s", ticker, finding.text)
