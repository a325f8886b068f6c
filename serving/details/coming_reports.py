"""The quarterly reports that the configured companies are expected to file soon."""

from datetime import UTC, date, datetime, timedelta

from configuration import Settings
from market.errors import CalendarExhausted
from market.market import Market
from serving.contract.details import ComingReport, ReportsAnswer
from serving.contract.problems import unavailable
from serving.monitoring.listing import shortened
from serving.predictions.known_filings import KnownFilings

RETRY_AFTER = 3600


def coming_reports(settings: Settings, market: Market, days: int) -> ReportsAnswer:
    """Those of the next `days` days, the first first; tickers without known dates are named apart.

    Raises:
        Problem: 503 when the calendar does not reach so far.
    """
    known = KnownFilings(market.reports_of, market.sessions, settings.market.reports.announced_before)
    try:
        made_on = market.sessions.last_complete(datetime.now(UTC))
    except CalendarExhausted as error:
        raise unavailable(str(error), RETRY_AFTER) from None
    last = date.fromisoformat(str(made_on)) + timedelta(days=days)
    found, unknown = [], []
    for ticker in settings.tickers:
        filings = known.at(ticker, made_on) if market.reports_of(ticker).reports else None
        if filings is None or filings.coming is None:
            unknown.append(ticker)
        elif (expected_on := date.fromisoformat(str(filings.coming.expected_on))) <= last:
            confirmed = filings.coming.confirmed
            found.append(
                ComingReport(ticker=ticker, expected_on=expected_on, confirmed=confirmed, source=filings.source)
            )
    found.sort(key=lambda report: (report.expected_on, report.ticker))
    return ReportsAnswer(reports=found, unknown=shortened(unknown))
