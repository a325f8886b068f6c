"""Report dates from a file: messy ones are read, wrong ones are refused with their place."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.errors import InvalidFile
from market.reports.dates import ReportDates, Timing
from market.reports.files import ReportFile, parse_csv

FETCHED_AT = datetime(2024, 3, 9, 8, tzinfo=UTC)
GOOD = "ticker,filed_on\nAAPL,2023-05-04\nAAPL,2023-08-03\nMSFT,2023-07-25\n"
REAL_REPORTS = Path(os.environ.get("STOCKS_TEST_REPORTS") or "/nonexistent")


def parse(text: str) -> dict[str, ReportDates]:
    return parse_csv(text.encode(), "reports.csv", FETCHED_AT)


def dates(reports: ReportDates) -> list[str]:
    return [str(date) for date in reports.filed_on]


def test_dates_are_read_by_ticker_with_source_and_time() -> None:
    reports = parse(GOOD)
    assert dates(reports["AAPL"]) == ["2023-05-04", "2023-08-03"]
    assert dates(reports["MSFT"]) == ["2023-07-25"]
    assert {(report.source, report.fetched_at) for report in reports["AAPL"].reports} == {("files", FETCHED_AT)}
    assert reports["AAPL"].timing == (Timing.UNKNOWN, Timing.UNKNOWN)


def test_dates_are_sorted_and_a_repeated_one_counts_once_with_the_timing_that_is_known() -> None:
    text = "filed_on,timing,ticker\n2023-08-03,,AAPL\n2023-05-04,,aapl\n2023-05-04,after_close,AAPL\n"
    reports = parse(text)["AAPL"]
    assert dates(reports) == ["2023-05-04", "2023-08-03"]
    assert reports.timing == (Timing.AFTER_CLOSE, Timing.UNKNOWN)


def test_a_ticker_without_reports_has_an_empty_array_of_dates() -> None:
    assert ReportDates("AAPL").filed_on.shape == (0,)
    assert ReportDates("AAPL").filed_on.dtype == np.dtype("datetime64[D]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "reports.csv:1: the file is empty; it needs the header ticker,filed_on"),
        ("ticker,date\n", "reports.csv:1: column filed_on is missing; the header must have ticker,filed_on"),
        ("ticker,filed_on,filed_on\n", "reports.csv:1: column filed_on stands there twice; delete or rename one"),
        (GOOD + "AAPL\n", "reports.csv:5: 1 fields where the header has 2; complete the line or delete it"),
        (GOOD + "\nAAPL,2023-11-02\n", "reports.csv:5: the line is empty; delete it"),
        (GOOD + "AAPL,2/11/2023\n", "reports.csv:5: filed_on '2/11/2023' is not a date; write it as 2024-03-08"),
        (GOOD + "AAPL,2023-02-30\n", "reports.csv:5: filed_on '2023-02-30' is not a date"),
        (GOOD + "apple!,2023-11-02\n", "reports.csv:5: ticker 'apple!' is not a ticker; write it as AAPL"),
        (
            "ticker,filed_on,timing\nAAPL,2023-11-02,noon\n",
            "reports.csv:2: timing 'noon' is unknown; write before_open",
        ),
        ("\0", "reports.csv: not text but binary data; export it as CSV"),
    ],
)
def test_bad_files_are_refused_in_one_line_with_place_and_remedy(text: str, message: str) -> None:
    with pytest.raises(InvalidFile, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="AB,-0129\n\"' ", max_size=80).map(lambda text: "ticker,filed_on\n" + text))
def test_any_text_is_either_ascending_dates_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except InvalidFile:
        return
    for reports in found.values():
        assert (np.diff(reports.filed_on).astype(int) > 0).all()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(GOOD)
    file = ReportFile(path)
    assert dates(file.reports_of("MSFT")) == ["2023-07-25"]
    path.write_text(GOOD + "MSFT,2023-10-24\n")
    assert dates(file.reports_of("MSFT")) == ["2023-07-25", "2023-10-24"]
    assert dates(file.reports_of("KO")) == []


def test_the_real_file_is_read_whole() -> None:
    if not REAL_REPORTS.is_file():
        pytest.skip("STOCKS_TEST_REPORTS names no file of report dates")
    reports = parse_csv(REAL_REPORTS.read_bytes(), str(REAL_REPORTS), FETCHED_AT)
    assert len(reports) == 10
    assert sum(len(found.reports) for found in reports.values()) == 366
    assert "2019-01-02" in dates(reports["AAPL"])
