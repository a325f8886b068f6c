"""Where the rest of the program gets report dates: from memory, without waiting, asked for anew in the background."""

import asyncio
import sqlite3
from collections.abc import Sequence

import numpy as np
import structlog

from concurrency.single_flight import SingleFlight
from market.clock import Clock
from market.errors import InvalidFile, MarketError, Paused, ProviderError
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.reports.answer import ReportProvider
from market.reports.dates import Report, ReportDates
from market.reports.files import ReportFile
from market.reports.store import ReportStore

LIFE_SECONDS = 86400.0  # of what a provider said, before it is asked again
RETRY_SECONDS = 3600.0  # before one that failed is asked again

log = structlog.get_logger(__name__)


class LimitedReportProvider:
    """A source of report dates with the circuit breaker that limits it; its quota is the source's own."""

    def __init__(self, provider: ReportProvider, clock: Clock) -> None:
        self.provider = provider
        self.circuit_breaker = ProviderCircuitBreaker(provider.name, clock)


class ReportCalendar:
    """Report dates of every ticker; without any for one of which nothing is known.

    The file wins for the tickers that it names. Of providers, the first in their order that knows past reports gives
    them, and the first that announces the next one adds it; each date carries its source.

    Args:
        file: of report dates, if one is configured.
        providers: in their order.
        store: of what providers said.
    """

    def __init__(
        self,
        file: ReportFile | None = None,
        providers: Sequence[ReportProvider] = (),
        store: ReportStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._file = file
        self._providers = [LimitedReportProvider(provider, self._clock) for provider in providers]
        self._store = store
        self._in_file: dict[str, ReportDates] = {}
        self._provided: dict[str, ReportDates] = {}
        self._asked_at: dict[str, float] = {}
        self._flights = SingleFlight[ReportDates]()
        self._refreshing: set[asyncio.Task[ReportDates]] = set()
        self._logged = ""

    def reports_of(self, ticker: str) -> ReportDates:
        """Past and announced reports of `ticker`, as they are known now.

        Where they are older than a day, providers are asked in the background of the running event loop, if one runs.
        """
        if (found := self._from_file(ticker)).reports or not self._providers:
            return found
        if ticker not in self._provided:
            self._provided[ticker] = self._stored(ticker)
        if self._is_due(ticker):
            self._refresh_later(ticker)
        return self._provided[ticker]

    async def refresh(self, ticker: str) -> ReportDates:
        """The same after every provider whose answer is older than a day was asked; failures leave what is known."""
        if (found := self._from_file(ticker)).reports or not self._providers:
            return found
        return await self._flights.join(ticker, lambda: self._ask(ticker))

    async def close(self) -> None:
        """Give up what is being asked, and close the connections of every provider."""
        for task in self._refreshing:
            task.cancel()
        for limited in self._providers:
            await limited.provider.close()

    async def _ask(self, ticker: str) -> ReportDates:
        self._asked_at[ticker] = self._clock.elapsed()
        for limited in self._providers:
            name = limited.provider.name
            try:
                await self._ask_one(limited, ticker)
            except (ProviderError, sqlite3.Error, OSError) as error:
                if not isinstance(error, Paused):
                    log.info("reports.not_fetched", ticker=ticker, provider=name, reason=str(error))
                self._asked_at[ticker] = self._clock.elapsed() - LIFE_SECONDS + RETRY_SECONDS
        self._provided[ticker] = await asyncio.to_thread(self._stored, ticker)
        return self._provided[ticker]

    async def _ask_one(self, limited: LimitedReportProvider, ticker: str) -> None:
        store, name = self._store, limited.provider.name
        fetched_at = await asyncio.to_thread(store.fetched_at, ticker, name) if store else None
        if fetched_at is not None and (self._clock.moment - fetched_at).total_seconds() < LIFE_SECONDS:
            return
        known = await asyncio.to_thread(self._read, name, ticker)
        today = np.datetime64(self._clock.moment.date(), "D")
        known_until = max((report.filed_on for report in _past(known, today)), default=None)
        with limited.circuit_breaker.asking(ticker, "reports"):
            answer = await limited.provider.reports(ticker, known_until)
        if store is not None:
            await asyncio.to_thread(store.write, ticker, name, answer, self._clock.moment)

    def _stored(self, ticker: str) -> ReportDates:
        try:
            found = [self._read(limited.provider.name, ticker) for limited in self._providers]
        except (sqlite3.Error, OSError, ValueError, MarketError) as error:
            log.error("reports.unreadable", ticker=ticker, reason=str(error))  # noqa: TRY400  # the line says all
            return self._provided.get(ticker, ReportDates(ticker))
        today = np.datetime64(self._clock.moment.date(), "D")
        past = next((part for part in (_past(reports, today) for reports in found) if part), [])
        announced = next((part for part in (_announced(reports, today) for reports in found) if part), [])
        return ReportDates.of(ticker, [*past, *announced])

    def _read(self, source: str, ticker: str) -> list[Report]:
        return self._store.read(ticker, source) if self._store else []

    def _is_due(self, ticker: str) -> bool:
        return self._clock.elapsed() - self._asked_at.get(ticker, float("-inf")) > LIFE_SECONDS

    def _refresh_later(self, ticker: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._asked_at[ticker] = self._clock.elapsed()
        task = loop.create_task(self.refresh(ticker))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    def _from_file(self, ticker: str) -> ReportDates:
        if self._file is None:
            return ReportDates(ticker)
        try:
            self._in_file[ticker] = self._file.reports_of(ticker)
        except InvalidFile as error:
            if self._logged != str(error):
                self._logged = str(error)
                log.error("reports.unreadable", reason=self._logged)  # noqa: TRY400  # the line says all
        return self._in_file.get(ticker, ReportDates(ticker))


def _past(reports: list[Report], today: np.datetime64) -> list[Report]:
    return [report for report in reports if report.filed_on <= today]


def _announced(reports: list[Report], today: np.datetime64) -> list[Report]:
    return [report for report in reports if report.filed_on > today]
