"""Bars and quotes of any ticker: memory, history store and provider chain behind two calls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar

from configuration import Settings
from market import providers
from market.bars import Bars
from market.errors import InvalidBars, MarketError, NoPrices, ProviderError
from market.history import HistoryStore
from market.providers import Provider
from market.quote import Quote
from market.sessions import Sessions

Prices = TypeVar("Prices", Bars, Quote)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """Bars with what is known about their age.

    Attributes:
        bars: complete sessions only.
        fetched_at: when the provider gave them.
        stale: whether the last session that has closed is missing.
    """

    bars: Bars
    fetched_at: datetime
    stale: bool


class Market:
    """Where the rest of the program gets its prices."""

    def __init__(
        self, chain: Sequence[Provider], store: HistoryStore, sessions: Sessions, history_ttl: float, quote_ttl: float
    ) -> None:
        self.sessions = sessions
        self._chain = chain
        self._store = store
        self._history_ttl = timedelta(seconds=history_ttl)
        self._quote_ttl = timedelta(seconds=quote_ttl)
        self._histories: dict[str, History] = {}
        self._quotes: dict[str, tuple[datetime, Quote]] = {}

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The market as configured.

        Raises:
            CalendarExhausted: the exchange is unknown or its calendar cannot be written.
        """
        sessions = Sessions.open(settings.exchange, settings.home)
        chain = providers.make(settings.market, sessions)
        store = HistoryStore(settings.home)
        return cls(chain, store, sessions, settings.market.history_ttl, settings.market.quote_ttl)

    async def history(self, ticker: str) -> History:
        """The bars of `ticker`: from the store while young enough, else from the chain, else the old ones.

        Raises:
            NoPrices: no provider answered and none ever did.
        """
        now = datetime.now(UTC)
        known = self._histories.get(ticker) or await asyncio.to_thread(self._stored, ticker)
        if known is not None and self._keeps(known, now):
            self._histories[ticker] = known
            return known
        try:
            known = await self.fetch(ticker)
        except NoPrices as error:
            if known is None:
                raise
            log.warning("%s: bars of %s serve on: %s", ticker, known.fetched_at.isoformat(), error)
        return self._histories.setdefault(ticker, known)

    async def fetch(self, ticker: str) -> History:
        """The newest bars of `ticker`, whatever the age of those that are stored.

        Raises:
            NoPrices: no provider answered.
        """
        real_known = await asyncio.to_thread(self._store.read, ticker) is not None
        bars = await self._first(ticker, lambda provider: provider.bars(ticker), real_known=real_known)
        fetched_at = datetime.now(UTC)
        known = self._histories.get(ticker)
        if not bars.simulated and not (known and known.bars is bars):
            await asyncio.to_thread(self._store.write, bars, fetched_at)
        self._histories[ticker] = self._aged(bars, fetched_at)
        return self._histories[ticker]

    async def quote(self, ticker: str) -> Quote:
        """The latest price of `ticker`; the last close where no provider has one.

        Raises:
            NoPrices: there is neither.
        """
        now = datetime.now(UTC)
        asked_at, quote = self._quotes.get(ticker, (None, None))
        if quote is not None and asked_at is not None and now - asked_at < self._quote_ttl:
            return quote
        history = await self.history(ticker)
        try:
            quote = await self._first(
                ticker, lambda provider: provider.quote(ticker), real_known=not history.bars.simulated
            )
        except NoPrices:
            closed_at = self.sessions.closes(history.bars.session[-1])
            quote = Quote(ticker, float(history.bars.close[-1]), closed_at, history.bars.source)
        self._quotes[ticker] = (now, quote)
        return quote

    async def close(self) -> None:
        """Let go of every provider's connections."""
        for provider in self._chain:
            await provider.close()

    async def _first(self, ticker: str, ask: Callable[[Provider], Awaitable[Prices]], *, real_known: bool) -> Prices:
        reasons = []
        for provider in self._chain:
            if provider.name == "simulated" and real_known:
                continue
            try:
                return await ask(provider)
            except (ProviderError, InvalidBars) as error:
                reasons.append(str(error))
        raise NoPrices(ticker, reasons)

    def _stored(self, ticker: str) -> History | None:
        try:
            stored = self._store.read(ticker)
        except MarketError:
            log.exception("%s: the stored bars are not valid and are fetched again", ticker)
            return None
        return self._aged(stored.bars, stored.fetched_at) if stored else None

    def _aged(self, bars: Bars, fetched_at: datetime) -> History:
        return History(bars, fetched_at, bool(bars.session[-1] < self.sessions.last_complete(datetime.now(UTC))))

    def _keeps(self, known: History, now: datetime) -> bool:
        source = next((provider for provider in self._chain if provider.name == known.bars.source), None)
        return source is not None and not source.local and now - known.fetched_at < self._history_ttl
