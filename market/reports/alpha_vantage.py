"""Report dates from Alpha Vantage: past ones of a ticker, and announced ones of all tickers in one call."""

from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np

from configuration import AlphaVantage as AlphaVantageSettings
from market.clock import Clock
from market.csv_file import read_rows
from market.errors import InvalidFile, Malformed, NoData, ProviderError, UnknownTicker
from market.providers import parsing
from market.providers.alpha_vantage import NAME, refusal
from market.providers.http import HttpSource, signed
from market.providers.quotas.quota import Quota
from market.reports.answer import ReportAnswer, ReportDate
from market.reports.dates import Timing

CALENDAR_SECONDS = 86400.0  # life of the calendar of all tickers in memory
QUARTER = np.timedelta64(80, "D")  # after a report, before which no other one is due
TIMINGS = {"pre-market": Timing.BEFORE_OPEN, "post-market": Timing.AFTER_CLOSE}


class AlphaVantageReports:
    """Asks Alpha Vantage; a key that does not pay for the calendar still gives past reports."""

    name = NAME

    def __init__(
        self, settings: AlphaVantageSettings, quota: Quota, timeout: float, *, quoted_tickers: int, clock: Clock
    ) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key else ""

        def sign(request: httpx.Request) -> httpx.Request:
            return signed(request, params={"apikey": key})

        self._source = HttpSource(NAME, settings.base_url, quota, timeout=timeout, sign=sign, refusal=refusal)
        self._quota = quota
        self._kept_requests = 2 * quoted_tickers
        self._clock = clock
        self._calendar: tuple[float, Mapping[str, ReportDate]] = (float("-inf"), {})

    async def reports(self, ticker: str, known_until: np.datetime64 | None) -> ReportAnswer:
        """Past reports where one is due, and the announced one where the key gives the calendar.

        Asked within what bars and quotes leave of the quota.
        """
        past: tuple[ReportDate, ...] = ()
        if known_until is None or self._today() - known_until >= QUARTER:
            await self._quota.check_kept(self._kept_requests)
            past = parse_earnings(await self._source.get(ticker, function="EARNINGS", symbol=ticker), ticker)
        return ReportAnswer(past, (await self._announced(ticker)).get(ticker))

    async def close(self) -> None:
        """Close the connections."""
        await self._source.close()

    async def _announced(self, ticker: str) -> Mapping[str, ReportDate]:
        read_at, calendar = self._calendar
        if self._clock.elapsed() - read_at <= CALENDAR_SECONDS:
            return calendar
        try:
            await self._quota.check_kept(self._kept_requests)
            calendar = parse_calendar(await self._source.get(ticker, function="EARNINGS_CALENDAR", horizon="3month"))
        except ProviderError:
            calendar = {}  # a refusal is usual with a free key, and costs one request a day
        self._calendar = (self._clock.elapsed(), calendar)
        return calendar

    def _today(self) -> np.datetime64:
        return np.datetime64(self._clock.moment.date(), "D")


def parse_earnings(body: bytes, ticker: str) -> tuple[ReportDate, ...]:
    """Past reports of EARNINGS, in its order.

    Raises:
        ProviderError: the answer is an error, or no reports.
    """
    answer = parsing.decoded(body, NAME)
    if error := refusal(body):
        raise error
    if answer == {}:
        raise UnknownTicker(f"{NAME}: does not know {ticker}")
    rows = answer.get("quarterlyEarnings") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(f"{NAME}: its answer for {ticker} holds no list of reports")
    parsing.check_symbol(answer.get("symbol"), ticker, NAME)
    if not rows:
        raise NoData(f"{NAME}: has no reports of {ticker}")
    return tuple(_report(row, "reportedDate", "reportTime") for row in rows)


def parse_calendar(body: bytes) -> dict[str, ReportDate]:
    """The next announced report of each ticker, of EARNINGS_CALENDAR.

    Raises:
        ProviderError: the answer is an error, or no calendar.
    """
    if error := refusal(body):
        raise error
    try:
        header, *rows = read_rows(body, NAME) or [[]]
    except InvalidFile as error:
        raise Malformed(str(error)) from None
    if not {"symbol", "reportDate"} <= set(header) or any(len(row) != len(header) for row in rows):
        raise Malformed(f"{NAME}: its calendar cannot be read")
    announced: dict[str, ReportDate] = {}
    for row in rows:
        fields = dict(zip(header, row, strict=True))
        report = _report(fields, "reportDate", "timeOfTheDay")
        known = announced.setdefault(fields["symbol"].upper(), report)
        if report.filed_on < known.filed_on:
            announced[fields["symbol"].upper()] = report
    return announced


def _report(row: Mapping[str, Any], date: str, timing: str) -> ReportDate:
    return ReportDate(parsing.session(row.get(date), NAME), TIMINGS.get(str(row.get(timing)), Timing.UNKNOWN))
