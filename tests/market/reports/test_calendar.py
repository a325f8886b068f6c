"""The calendar answers from memory and outlives a file that breaks."""

from pathlib import Path

import pytest

import configuration
from market.reports.calendar import ReportCalendar


def opened(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> ReportCalendar:
    if path is not None:
        monkeypatch.setenv("STOCKS_MARKET__FILES__REPORTS", str(path))
    return ReportCalendar.open(configuration.load().market)


def test_it_reads_the_configured_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("ticker,filed_on\nAAPL,2023-05-04\n")
    assert len(opened(monkeypatch, path).reports_of("AAPL").reports) == 1


def test_nothing_is_known_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(monkeypatch, None).reports_of("AAPL").reports == ()


def test_the_last_dates_known_serve_while_the_file_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("ticker,filed_on\nAAPL,2023-05-04\n")
    calendar = opened(monkeypatch, path)
    before = calendar.reports_of("AAPL")
    path.write_text("no dates at all")
    assert calendar.reports_of("AAPL") == before
    path.unlink()
    assert calendar.reports_of("AAPL") == before
    assert calendar.reports_of("MSFT").reports == ()


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(configuration.ConfigurationError, match="there is no such file"):
        opened(monkeypatch, tmp_path / "none.csv")
