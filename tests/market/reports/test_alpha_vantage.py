"""Report dates of Alpha Vantage from a local server, within what quotes leave of the quota."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from configuration import AlphaVantage as Settings
from market.errors import (
    BadKey,
    KeptForQuotes,
    Malformed,
    NoData,
    PremiumOnly,
    ProviderError,
    QuotaSpent,
    UnknownTicker,
)
from market.providers.quotas.counters import LocalCounters
from market.providers.quotas.quota import Quota
from market.reports.alpha_vantage import AlphaVantageReports, parse_calendar, parse_earnings
from market.reports.answer import ReportDate
from market.reports.dates import Timing

KEY = "SECRETKEY123"
EARNINGS = json.dumps({
    "symbol": "AAPL", "annualEarnings": [],
    "quarterlyEarnings": [
        {"fiscalDateEnding": "2023-12-31", "reportedDate": "2024-02-01", "reportedEPS": "2.18", "estimatedEPS": "2.1",
         "surprise": "0.08", "surprisePercentage": "3.8", "reportTime": "post-market"},
        {"fiscalDateEnding": "2023-09-30", "reportedDate": "2023-11-02", "reportedEPS": "1.46"},
    ],
}).encode()  # fmt: skip
CALENDAR = (
    b"symbol,name,reportDate,fiscalDateEnding,estimate,currency\r\n"
    b"AAPL,Apple Inc,2024-08-01,2024-06-30,1.4,USD\r\nAAPL,Apple Inc,2024-05-02,2024-03-31,1.5,USD\r\n"
    b"KO,Coca-Cola,2024-04-30,2024-03-31,0.7,USD\r\n"
)
DAY_SPENT = b'{"Information": "We have detected your API key as SECRETKEY123 and our standard API rate limit is 25"}'
PREMIUM = b'{"Information": "Thank you for using Alpha Vantage! This is a premium endpoint."}'
INVALID = b'{"Error Message": "Invalid API call."}'
LAST = np.datetime64("2024-02-01")


def source(server: Any, home: Path, clock: Any, windows: tuple[str, ...] = ()) -> AlphaVantageReports:
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=windows, premium=False)
    quota = Quota("alpha_vantage", windows, [LocalCounters(home)], 0, clock.now)
    return AlphaVantageReports(settings, quota, 60.0, quoted_tickers=10, clock=clock)


def functions(server: Any) -> list[str]:
    return [query["function"] for query in server.queries()]


async def test_past_and_announced_reports(server: Any, played: Any, tmp_path: Path, clock: Any) -> None:
    server.routes = {"EARNINGS_CALENDAR": played(CALENDAR)}
    server.play(played(EARNINGS))
    alpha = source(server, tmp_path, clock)
    answer = await alpha.reports("AAPL", None)
    assert answer.past == (
        ReportDate(LAST, Timing.AFTER_CLOSE),
        ReportDate(np.datetime64("2023-11-02"), Timing.UNKNOWN),
    )
    assert answer.announced == ReportDate(np.datetime64("2024-05-02"), Timing.UNKNOWN)
    assert functions(server) == ["EARNINGS", "EARNINGS_CALENDAR"]
    await alpha.close()


async def test_a_ticker_is_asked_for_once_a_quarter_and_the_calendar_once_a_day_for_all(
    server: Any, played: Any, tmp_path: Path, clock: Any
) -> None:
    server.routes = {"EARNINGS_CALENDAR": played(CALENDAR)}
    server.play(played(EARNINGS))
    alpha = source(server, tmp_path, clock)
    for ticker in ("AAPL", "KO", "AAPL"):
        assert (await alpha.reports(ticker, LAST)).past == ()  # 39 days ago
    assert functions(server) == ["EARNINGS_CALENDAR"]
    clock.forward(50 * 86400)
    assert (await alpha.reports("AAPL", LAST)).past
    assert functions(server)[1:] == ["EARNINGS", "EARNINGS_CALENDAR"]
    await alpha.close()


async def test_a_refused_calendar_costs_one_request_a_day_and_no_past_reports(
    server: Any, played: Any, tmp_path: Path, clock: Any
) -> None:
    server.routes = {"EARNINGS_CALENDAR": played(PREMIUM)}
    server.play(played(EARNINGS))
    alpha = source(server, tmp_path, clock)
    for _ in range(3):
        answer = await alpha.reports("AAPL", None)
        assert (len(answer.past), answer.announced) == (2, None)
    assert functions(server).count("EARNINGS_CALENDAR") == 1
    await alpha.close()


async def test_quotes_come_first(server: Any, played: Any, tmp_path: Path, clock: Any) -> None:
    server.routes = {"EARNINGS_CALENDAR": played(CALENDAR)}
    server.play(played(EARNINGS))
    alpha = source(server, tmp_path, clock, ("25/day",))
    for _ in range(4):  # and once the calendar: twenty requests are kept for bars and quotes of ten tickers
        await alpha.reports("AAPL", None)
    with pytest.raises(KeptForQuotes):
        await alpha.reports("AAPL", None)
    assert len(server.paths) == 5
    await alpha.close()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (DAY_SPENT, QuotaSpent),
        (PREMIUM, PremiumOnly),
        (INVALID, UnknownTicker),
        (b'{"Error Message": "the parameter apikey is invalid or missing"}', BadKey),
        (b"{}", UnknownTicker),
        (b'{"symbol": "AAPL", "quarterlyEarnings": []}', NoData),
        (b'{"symbol": "ZZZZ", "quarterlyEarnings": []}', Malformed),
        (b'{"symbol": "AAPL"}', Malformed),
        (b'{"symbol": "AAPL", "quarterlyEarnings": [{"reportedDate": "soon"}]}', Malformed),
        (b"nonsense", Malformed),
        (b"[]", Malformed),
    ],
)
async def test_every_failure_is_a_typed_error_without_the_key(
    server: Any, played: Any, tmp_path: Path, *, clock: Any, body: bytes, error: type[ProviderError]
) -> None:
    server.play(played(body))
    alpha = source(server, tmp_path, clock)
    with pytest.raises(error) as caught:
        await alpha.reports("AAPL", None)
    assert KEY not in str(caught.value)
    with pytest.raises(error):
        parse_earnings(body, "AAPL")
    await alpha.close()


@pytest.mark.parametrize(
    "body", [PREMIUM, b"", b"{}", b"<html>", b"symbol,reportDate\nAAPL\n", b"symbol,reportDate\nAAPL,soon\n", b"\xff"]
)
def test_what_is_no_calendar_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError):
        parse_calendar(body)
