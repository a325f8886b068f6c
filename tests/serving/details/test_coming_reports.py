from datetime import UTC, datetime
from typing import Any

import numpy as np

from configuration import Settings
from market.reports.dates import Report, ReportDates, Timing
from serving.details.coming_reports import coming_reports


def test_of_many_tickers_without_dates_the_first_are_named(make_settings: Any, market: Any) -> None:
    settings = make_settings(tickers=[f"T{number}" for number in range(30)])

    assert coming_reports(settings, market, 14).unknown == [*settings.tickers[:20], "and 10 more"]


def test_reports_of_the_coming_days_are_listed_by_date_and_who_has_none_is_named(
    settings: Settings, market: Any
) -> None:
    session = market.sessions.session
    last = int(np.searchsorted(session, market.sessions.last_complete(datetime.now(UTC))))
    fetched_at = datetime(2020, 1, 1, tzinfo=UTC)

    def announced(ticker: str, sessions: int) -> None:
        report = Report(session[last + sessions], Timing.AFTER_CLOSE, "file", fetched_at)
        market.reports[ticker] = ReportDates(ticker, (report,))

    announced("AAPL", 7)
    announced("MSFT", 2)

    soon, later = coming_reports(settings, market, 5), coming_reports(settings, market, 14)

    assert [report.ticker for report in soon.reports] == ["MSFT"]
    assert [report.ticker for report in later.reports] == ["MSFT", "AAPL"]
    assert {(report.confirmed, report.source) for report in later.reports} == {(True, "file")}
    assert soon.unknown == later.unknown == ["TSLA"]
