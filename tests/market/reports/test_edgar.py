"""EDGAR, played byte for byte by a local server: which filings are reports, when they came, what each failure means."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration import Edgar as Settings
from market.calendar.sessions import Sessions
from market.errors import BadKey, Malformed, ProviderError, QuotaSpent, UnknownTicker, Unreachable
from market.providers.quotas.counters import LocalCounters
from market.providers.quotas.quota import Quota
from market.reports.answer import ReportDate
from market.reports.dates import Timing
from market.reports.edgar import Edgar, parse_filings, parse_tickers

CONTACT = "Jane Doe jane@example.com"
COMPANIES = b'{"0":{"cik_str":320193,"ticker":"AAPL","title":"Apple Inc."},"1":{"cik_str":1067983,"ticker":"BRK-B"}}'
COLUMNS = ("accessionNumber", "filingDate", "acceptanceDateTime", "form", "items")


def table(*rows: tuple[str, str, str, str]) -> dict[str, list[str]]:
    """Filings as EDGAR has them, a column of each field; rows of filing date, acceptance, form and items."""
    numbered = [(f"0000320193-24-{number:06d}", *row) for number, row in enumerate(rows)]
    return {name: list(column) for name, column in zip(COLUMNS, zip(*numbered, strict=True), strict=True)}


RECENT = table(
    ("2024-02-02", "2024-02-02T11:00:40.000Z", "10-Q", ""),
    ("2024-02-01", "2024-02-01T21:30:40.000Z", "8-K", "2.02,9.01"),
    ("2024-01-31", "2024-01-31T12:05:00.000Z", "8-K", "2.02"),
    ("2024-01-10", "2024-01-10T21:30:40.000Z", "8-K", "5.02"),
    ("2023-11-03", "2023-11-02T22:05:00.000Z", "8-K", "2.02,9.01"),
    ("2023-08-03", "2023-08-03T18:00:00.000Z", "8-K", "1.01, 2.02"),
    ("2023-08-03", "2023-08-03T20:31:00.000Z", "8-K/A", "2.02"),
)
OLDER_NAME = "CIK0000320193-submissions-001.json"
OLDER = json.dumps(table(("2014-01-27", "2014-01-27T21:31:00.000Z", "8-K", "2.02,9.01"))).encode()
FILINGS = json.dumps({
    "cik": "320193", "name": "Apple Inc.", "tickers": ["AAPL"],
    "filings": {
        "recent": RECENT,
        "files": [
            {"name": OLDER_NAME, "filingCount": 1, "filingFrom": "1994-01-26", "filingTo": "2014-01-27"}
        ],
    },
}).encode()  # fmt: skip
FOUND = [
    ReportDate(np.datetime64("2024-02-01"), Timing.AFTER_CLOSE),
    ReportDate(np.datetime64("2024-01-31"), Timing.BEFORE_OPEN),
    ReportDate(np.datetime64("2023-11-02"), Timing.AFTER_CLOSE),  # accepted at 18:05, so filed the next day
    ReportDate(np.datetime64("2023-08-03"), Timing.UNKNOWN),  # in the session
]


@pytest.fixture
async def edgar(server: Any, played: Any, sessions: Sessions, tmp_path: Path) -> AsyncIterator[Edgar]:
    server.routes = {"company_tickers": played(COMPANIES), "-submissions-": played(OLDER)}
    server.play(played(FILINGS))
    settings = Settings(
        base_url=server.url, tickers_url=f"{server.url}/files/company_tickers.json", contact=CONTACT, quota=()
    )
    source = Edgar(settings, Quota("edgar", (), [LocalCounters(tmp_path)]), sessions, 60.0)
    yield source
    await source.close()


def test_reports_are_the_8_k_with_item_2_02_at_the_moment_of_their_acceptance(sessions: Sessions) -> None:
    assert list(parse_filings(FILINGS, sessions)) == FOUND


def test_without_a_moment_of_acceptance_the_filing_date_stands_with_an_unknown_timing(sessions: Sessions) -> None:
    body = json.dumps(table(("2024-02-01", "", "8-K", "2.02"))).encode()
    assert parse_filings(body, sessions) == (ReportDate(np.datetime64("2024-02-01"), Timing.UNKNOWN),)


async def test_all_files_are_read_once_and_later_only_what_may_be_new(edgar: Edgar, server: Any) -> None:
    whole = await edgar.reports("AAPL", None)
    assert [*whole.past] == [*FOUND, ReportDate(np.datetime64("2014-01-27"), Timing.AFTER_CLOSE)]
    assert whole.announced is None
    assert [path.rpartition("/")[2] for path in server.paths] == [
        "company_tickers.json", "CIK0000320193.json", OLDER_NAME,
    ]  # fmt: skip
    await edgar.reports("AAPL", np.datetime64("2023-11-02"))
    assert len(server.paths) == 4
    assert {headers["User-Agent"] for headers in server.headers} == {f"stock-prediction {CONTACT}"}


async def test_a_class_of_shares_is_found_and_a_stranger_is_not(edgar: Edgar, server: Any, played: Any) -> None:
    server.play(played(FILINGS.replace(b'"320193"', b'"1067983"')))
    assert len((await edgar.reports("BRK.B", np.datetime64("2024-01-01"))).past) == len(FOUND)
    with pytest.raises(UnknownTicker, match="edgar: does not know NONE"):
        await edgar.reports("NONE", None)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ({"body": b"<html><h1>Undeclared Automated Tool</h1></html>", "status": 403}, BadKey, "market.edgar.contact"),
        ({"body": b"<p>Request Rate Threshold Exceeded</p>", "status": 429}, QuotaSpent, "too many requests"),
        ({"body": b"<!DOCTYPE html><p>maintenance</p>"}, Malformed, "web page"),
        ({"status": 404}, UnknownTicker, "does not know"),
        ({"status": 500}, Unreachable, "could not answer"),
        ({"body": b"{}"}, Malformed, "holds no filings"),
        ({"body": b"[]"}, Malformed, "holds no filings"),
        ({"body": b"half of a docum"}, Malformed, "not JSON"),
        ({"body": FILINGS.replace(b'"320193"', b'"789019"')}, Malformed, "another company than 320193"),
        ({"body": FILINGS.replace(b'"8-K", ', b"", 1)}, Malformed, "differ in length"),
        ({"raw": b""}, Unreachable, "no answer"),
    ],
)
async def test_every_failure_is_a_typed_error(
    edgar: Edgar, server: Any, played: Any, *, answer: Any, error: type, message: str
) -> None:
    server.play(played(**answer))
    with pytest.raises(error, match=message):
        await edgar.reports("AAPL", None)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"0": {}}', b'{"0": {"ticker": "A", "cik_str": -1}}', b"<html>"])
def test_what_is_no_table_of_tickers_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_tickers(body)


cells = st.lists(st.none() | st.text(max_size=5) | st.sampled_from(["8-K", "2.02", "2024-02-01", "9" * 30]), max_size=3)


@given(st.dictionaries(st.sampled_from([*COLUMNS, "filings", "recent"]), cells | st.none()))
def test_any_json_is_either_reports_or_a_typed_error(sessions: Sessions, answer: Any) -> None:
    with suppress(ProviderError):
        parse_filings(json.dumps(answer).encode(), sessions)
