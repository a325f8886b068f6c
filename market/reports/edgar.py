"""Dates of past reports from EDGAR, the register of the US Securities and Exchange Commission (SEC).

A quarterly report is an 8-K with item 2.02, "Results of Operations and Financial Condition". The moment of acceptance
tells whether it was published before the opening or after the close. Forms: https://www.sec.gov/search-filings/edgar-application-programming-interfaces
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np

from configuration import Edgar as EdgarSettings
from market.calendar.sessions import Sessions
from market.errors import BadKey, Malformed, ProviderError, QuotaSpent, UnknownTicker
from market.providers import parsing
from market.providers.http import HttpSource, signed
from market.providers.quotas.quota import Quota
from market.reports.answer import ReportAnswer, ReportDate
from market.reports.dates import Timing

NAME = "edgar"
FORM, ITEM = "8-K", "2.02"
NEW_YORK = ZoneInfo("America/New_York")
BLOCKED_FOR = timedelta(minutes=10)  # by the SEC, after too many requests
TICKERS_SECONDS = 86400.0  # life of the table of tickers in memory


class Edgar:
    """Asks EDGAR, with the operator's contact in the User-Agent."""

    name = NAME

    def __init__(self, settings: EdgarSettings, quota: Quota, sessions: Sessions, timeout: float) -> None:
        contact = settings.contact or ""

        def sign(request: httpx.Request) -> httpx.Request:
            return signed(request, headers={"User-Agent": f"stock-prediction {contact}"})

        self._sessions = sessions
        self._filings = HttpSource(NAME, settings.base_url, quota, timeout=timeout, sign=sign, refusal=refusal)
        self._tickers = HttpSource(NAME, settings.tickers_url, quota, timeout=timeout, sign=sign, refusal=refusal)
        self._companies: tuple[float, Mapping[str, int]] = (float("-inf"), {})

    async def reports(self, ticker: str, known_until: np.datetime64 | None) -> ReportAnswer:
        """Past reports; older files of a company are read only where they may hold something new."""
        company = await self._company(ticker)
        body = await self._filings.get(ticker, f"/submissions/CIK{company:010d}.json")
        check_company(body, company)
        found = parse_filings(body, self._sessions)
        for name, until in older_files(body):
            if known_until is None or until > known_until:
                found += parse_filings(await self._filings.get(ticker, f"/submissions/{name}"), self._sessions)
        return ReportAnswer(past=found)

    async def close(self) -> None:
        """Close the connections."""
        await self._filings.close()
        await self._tickers.close()

    async def _company(self, ticker: str) -> int:
        read_at, companies = self._companies
        if time.monotonic() - read_at > TICKERS_SECONDS:
            companies = parse_tickers(await self._tickers.get(ticker))
            self._companies = (time.monotonic(), companies)
        if ticker.replace(".", "-") not in companies:
            raise UnknownTicker(f"{NAME}: does not know {ticker}")
        return companies[ticker.replace(".", "-")]


def refusal(body: bytes) -> ProviderError | None:
    """The error that a page of the SEC stands for; None when the body may hold filings."""
    text = body[:5000].decode("utf-8", "replace").lower()
    if "undeclared automated tool" in text:
        return BadKey(f"{NAME}: wants a contact; name your own in market.edgar.contact")
    if "request rate threshold" in text:
        return QuotaSpent(f"{NAME}: too many requests", datetime.now(UTC) + BLOCKED_FOR)
    return None


def parse_tickers(body: bytes) -> dict[str, int]:
    """The register's number (CIK) of each company by ticker.

    Raises:
        ProviderError: the answer is no such table.
    """
    table = parsing.decoded(body, NAME)
    if not isinstance(table, dict) or not table:
        raise Malformed(f"{NAME}: its table of tickers is not an object")
    return dict(_company_of(row) for row in table.values())


def _company_of(row: object) -> tuple[str, int]:
    if isinstance(row, dict) and isinstance(ticker := row.get("ticker"), str):
        number = parsing.number(row.get("cik_str"), NAME, "cik_str")
        if number > 0 and number == int(number):
            return ticker.upper(), int(number)
    raise Malformed(f"{NAME}: a row of its table of tickers cannot be read")


def check_company(body: bytes, company: int) -> None:
    """Check that a document that names its company is about the one that was asked for.

    Raises:
        Malformed: it is about another.
    """
    answer = parsing.decoded(body, NAME)
    given = answer.get("cik") if isinstance(answer, dict) else None
    if given is not None and parsing.number(given, NAME, "cik") != company:
        raise Malformed(f"{NAME}: answered about another company than {company}")


def parse_filings(body: bytes, sessions: Sessions) -> tuple[ReportDate, ...]:
    """The reports in a document of filings, recent or older ones, in its order.

    Raises:
        ProviderError: the answer holds no filings.
    """
    rows = _rows(parsing.decoded(body, NAME))
    return tuple(
        _report(date, accepted, sessions) for form, items, date, accepted in rows if form == FORM and _is_report(items)
    )


def older_files(body: bytes) -> list[tuple[str, np.datetime64]]:
    """Names of the files with older filings, each with the date of its newest one.

    Raises:
        ProviderError: the list of them cannot be read.
    """
    filings = parsing.decoded(body, NAME).get("filings", {})
    files = filings.get("files", []) if isinstance(filings, dict) else None
    if not isinstance(files, list):
        raise Malformed(f"{NAME}: its list of older files cannot be read")
    return [_older_file(file) for file in files]


def _older_file(file: object) -> tuple[str, np.datetime64]:
    name = file.get("name") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(name, str) or "/" in name:
        raise Malformed(f"{NAME}: an older file has no name")
    return name, parsing.session(file.get("filingTo"), NAME)


def _rows(answer: Any) -> Iterator[tuple[Any, ...]]:
    """Form, items, filing date and moment of acceptance of each filing; the document has a column of each."""
    filings = answer.get("filings", answer) if isinstance(answer, dict) else None
    table = filings.get("recent", filings) if isinstance(filings, dict) else None
    names = ("form", "items", "filingDate", "acceptanceDateTime")
    columns: list[Any] = [table.get(name) for name in names] if isinstance(table, dict) else [None]
    if not all(isinstance(column, list) for column in columns):
        raise Malformed(f"{NAME}: its answer holds no filings")
    if len({len(column) for column in columns}) > 1:
        raise Malformed(f"{NAME}: the columns of its filings differ in length")
    return zip(*columns, strict=True)


def _is_report(items: object) -> bool:
    return isinstance(items, str) and ITEM in [item.strip() for item in items.split(",")]


def _report(date: object, accepted: object, sessions: Sessions) -> ReportDate:
    """By the moment of acceptance where there is one: what comes after 17:30 has the next day's filing date."""
    try:
        moment = datetime.fromisoformat(accepted if isinstance(accepted, str) else "")
    except ValueError:
        return ReportDate(parsing.session(date, NAME), Timing.UNKNOWN)
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    day = np.datetime64(moment.astimezone(NEW_YORK).date(), "D")
    return ReportDate(day, timing_of(moment, day, sessions))


def timing_of(moment: datetime, day: np.datetime64, sessions: Sessions) -> Timing:
    """When in its session a report was published; unknown while it ran, and on days without one."""
    if not sessions.between(day, day).size:
        return Timing.UNKNOWN
    if moment < sessions.opens(day):
        return Timing.BEFORE_OPEN
    return Timing.AFTER_CLOSE if moment >= sessions.closes(day) else Timing.UNKNOWN
