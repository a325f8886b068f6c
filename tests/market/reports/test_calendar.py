"""The calendar answers from memory, asks in the background, and outlives files and providers that break."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configuration
from market.errors import ProviderError, Unreachable
from market.history.sqlite_store import HistoryStore
from market.reports.answer import ReportAnswer, ReportDate
from market.reports.calendar import ReportCalendar
from market.reports.dates import ReportDates, Timing
from market.reports.files import ReportFile
from market.reports.store import ReportStore


def reported(*dates: str, timing: Timing = Timing.AFTER_CLOSE) -> tuple[ReportDate, ...]:
    return tuple(ReportDate(np.datetime64(date), timing) for date in dates)


def dates(reports: ReportDates) -> list[str]:
    return [str(date) for date in reports.filed_on]


@dataclass
class FakeProvider:
    name: str
    answer: ReportAnswer | ProviderError
    asked: list[np.datetime64 | None] = field(default_factory=list)

    async def reports(self, ticker: str, known_until: np.datetime64 | None) -> ReportAnswer:  # noqa: ARG002
        self.asked.append(known_until)
        if isinstance(self.answer, ProviderError):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        pass


@pytest.fixture
def make(tmp_path: Path, clock: Any) -> Any:
    def made(*providers: FakeProvider, file: Path | None = None) -> ReportCalendar:
        store = ReportStore(HistoryStore(tmp_path))
        return ReportCalendar(ReportFile(file) if file else None, providers, store, clock)

    return made


async def test_past_reports_come_from_the_first_that_knows_them_and_the_next_one_from_who_announces_it(
    make: Any,
) -> None:
    edgar = FakeProvider("edgar", ReportAnswer(reported("2023-11-02", "2024-02-01")))
    alpha = FakeProvider("alpha_vantage", ReportAnswer(reported("2023-11-03"), reported("2024-05-02")[0]))
    found = await make(edgar, alpha).refresh("AAPL")
    assert dates(found) == ["2023-11-02", "2024-02-01", "2024-05-02"]
    assert [report.source for report in found.reports] == ["edgar", "edgar", "alpha_vantage"]


async def test_they_are_stored_with_source_and_time_and_asked_for_once_a_day(make: Any, clock: Any) -> None:
    edgar = FakeProvider("edgar", ReportAnswer(reported("2024-02-01")))
    first = clock.moment
    await make(edgar).refresh("AAPL")
    clock.forward(3600)
    found = await make(edgar).refresh("AAPL")  # another process
    assert edgar.asked == [None]
    assert [(report.source, report.fetched_at) for report in found.reports] == [("edgar", first)]
    clock.forward(86400)
    edgar.answer = ReportAnswer(reported("2024-02-01", "2024-03-05"))
    found = await make(edgar).refresh("AAPL")
    assert edgar.asked == [None, np.datetime64("2024-02-01")]
    assert [report.fetched_at for report in found.reports] == [first, clock.moment]  # the old one as it was


async def test_an_announced_date_that_is_moved_counts_as_it_was_announced_last(make: Any, clock: Any) -> None:
    alpha = FakeProvider("alpha_vantage", ReportAnswer((), reported("2024-05-02")[0]))
    await make(alpha).refresh("AAPL")
    clock.forward(86401)
    alpha.answer = ReportAnswer((), reported("2024-05-09")[0])
    assert dates(await make(alpha).refresh("AAPL")) == ["2024-05-09"]


async def test_a_provider_that_fails_leaves_what_is_known_and_the_others(make: Any, clock: Any) -> None:
    edgar = FakeProvider("edgar", ReportAnswer(reported("2024-02-01")))
    alpha = FakeProvider("alpha_vantage", ReportAnswer((), reported("2024-05-02")[0]))
    calendar = make(edgar, alpha)
    await calendar.refresh("AAPL")
    clock.forward(86401)
    edgar.answer = Unreachable("no answer")
    assert dates(await calendar.refresh("AAPL")) == ["2024-02-01", "2024-05-02"]
    assert len(alpha.asked) == 2


async def test_reading_never_waits_and_asks_in_the_background(make: Any) -> None:
    edgar = FakeProvider("edgar", ReportAnswer(reported("2024-02-01")))
    calendar = make(edgar)
    assert calendar.reports_of("AAPL").reports == ()
    async with asyncio.timeout(60):
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert dates(calendar.reports_of("AAPL")) == ["2024-02-01"]
    assert edgar.asked == [None]
    await calendar.close()


def test_without_an_event_loop_the_stored_ones_are_read(make: Any) -> None:
    edgar = FakeProvider("edgar", ReportAnswer(reported("2024-02-01")))
    asyncio.run(make(edgar).refresh("AAPL"))
    assert dates(make(edgar).reports_of("AAPL")) == ["2024-02-01"]
    assert edgar.asked == [None]


async def test_the_file_wins_for_the_tickers_that_it_names(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("ticker,filed_on\nAAPL,2023-05-04\n")
    edgar = FakeProvider("edgar", ReportAnswer(reported("2024-02-01")))
    calendar = make(edgar, file=path)
    assert dates(await calendar.refresh("AAPL")) == dates(calendar.reports_of("AAPL")) == ["2023-05-04"]
    assert dates(await calendar.refresh("MSFT")) == ["2024-02-01"]
    assert len(edgar.asked) == 1


def test_the_last_dates_known_serve_while_the_file_is_broken(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("ticker,filed_on\nAAPL,2023-05-04\n")
    calendar = make(file=path)
    before = calendar.reports_of("AAPL")
    path.write_text("no dates at all")
    assert calendar.reports_of("AAPL") == before
    path.unlink()
    assert calendar.reports_of("AAPL") == before
    assert calendar.reports_of("MSFT").reports == ()


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_MARKET__FILES__REPORTS", str(tmp_path / "none.csv"))
    with pytest.raises(configuration.ConfigurationError, match="there is no such file"):
        configuration.load()


@pytest.mark.parametrize("contact", ["Jane Doe", "a\nb@example.com", ""])
def test_a_contact_without_an_address_stops_the_start(monkeypatch: pytest.MonkeyPatch, contact: str) -> None:
    monkeypatch.setenv("STOCKS_MARKET__EDGAR__CONTACT", contact)
    with pytest.raises(configuration.ConfigurationError, match=r"market\.edgar\.contact"):
        configuration.load()
