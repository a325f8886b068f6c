"""Past forecasts of a ticker beside what came."""

import asyncio
from datetime import date

from configuration import Settings
from forecasting.distribution import INTERVAL_LEVEL
from market.market import Market
from market.reports.dates import ReportDates, Timing
from serving.contract.details import OutcomeAnswer, OutcomesAnswer
from serving.contract.validation import check_horizon, check_ticker
from serving.details.bars import history_of
from serving.monitoring.served_predictions import Noted
from serving.monitoring.track_record import TrackRecord

MOST_FORECASTS = 250


async def past_forecasts(
    settings: Settings, market: Market, record: TrackRecord, ticker: str, horizon: int
) -> OutcomesAnswer:
    """The last MOST_FORECASTS that were served, one for each session, with their outcomes where they are known.

    Raises:
        Problem: 422 or 404 for what cannot be asked, 503 when there are no bars.
    """
    ticker = check_ticker(ticker, settings)
    check_horizon(horizon, settings)
    bars = (await history_of(market, ticker)).bars
    reports = market.reports_of(ticker)
    pairs = await asyncio.to_thread(record.outcomes, bars, horizon)
    newest = sorted(pairs, key=lambda pair: pair[0].made_on, reverse=True)[:MOST_FORECASTS]
    return OutcomesAnswer(
        ticker=ticker,
        horizon=horizon,
        level=INTERVAL_LEVEL,
        outcomes=[_outcome(noted, actual, reports) for noted, actual in newest],
    )


def _outcome(noted: Noted, actual: float | None, reports: ReportDates) -> OutcomeAnswer:
    return OutcomeAnswer(
        made_on=date.fromisoformat(noted.made_on),
        target_on=date.fromisoformat(noted.target_on),
        model=noted.type,
        version=noted.version,
        median=noted.median,
        lower=noted.lower,
        upper=noted.upper,
        actual=actual,
        inside=None if actual is None else noted.lower <= actual <= noted.upper,
        report=_saw_report(noted, reports),
    )


def _saw_report(noted: Noted, reports: ReportDates) -> bool | None:
    """Whether a report took effect after the close of `made_on`, up to the close of `target_on`."""
    if not reports.reports:
        return None
    return any(
        noted.made_on <= str(report.filed_on) < noted.target_on
        if report.timing is not Timing.BEFORE_OPEN
        else noted.made_on < str(report.filed_on) <= noted.target_on
        for report in reports.reports
    )
