"""Past forecasts of a ticker beside what came."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import numpy as np

from configuration import Settings
from forecasting.distribution import INTERVAL_LEVEL
from forecasting.interval_score import interval_scores
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from market.reports.dates import ReportDates, Timing
from serving.contract.details import HorizonRecord, OutcomeAnswer, OutcomesAnswer, TrackRecordAnswer
from serving.contract.validation import check_horizon, check_ticker
from serving.details.bars import history_of
from serving.monitoring.track_record.served_predictions import Noted
from serving.monitoring.track_record.track_record import TrackRecord

MOST_FORECASTS = 250
# Tickers whose outcomes are looked at anew for the whole record; of more, those that were scored in the last minutes.
MOST_SCORED_NOW = 64


class Judged(NamedTuple):
    """A served forecast with its outcome, as returns."""

    lower: float
    upper: float
    median: float
    actual: float
    reported: bool


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


async def whole_record(settings: Settings, market: Market, record: TrackRecord) -> TrackRecordAnswer:
    """How all served predictions did whose outcomes are known, for each horizon."""
    served = set(settings.tickers)
    tickers = [ticker for ticker in await asyncio.to_thread(record.tickers) if ticker in served]
    if len(tickers) <= MOST_SCORED_NOW:
        await asyncio.to_thread(record.score_due, await _bars(market, tickers))
    return await asyncio.to_thread(_whole, settings, market, record)


async def _bars(market: Market, tickers: Sequence[str]) -> dict[str, Bars]:
    found = {}
    for ticker in tickers:
        with suppress(MarketError):  # health says so
            found[ticker] = (await market.history(ticker)).bars
    return found


def _whole(settings: Settings, market: Market, record: TrackRecord) -> TrackRecordAnswer:
    known: dict[int, list[Judged]] = {horizon: [] for horizon in settings.horizons}
    for (ticker, horizon), pairs in record.last_outcomes().copy().items():
        if horizon in known:
            reports = market.reports_of(ticker)
            known[horizon] += [
                Judged(one.lower, one.upper, one.median, actual, bool(saw_report(one, reports)))
                for one, actual in pairs
            ]
    found = [_scored(horizon, judged) for horizon, judged in known.items() if judged]
    return TrackRecordAnswer(level=INTERVAL_LEVEL, horizons=found, head=record.head())


def _scored(horizon: int, known: Sequence[Judged]) -> HorizonRecord:
    lower, upper, median, actual, report = np.array(known, dtype=np.float64).T
    inside, reported = (lower <= actual) & (actual <= upper), report > 0
    return HorizonRecord(
        horizon=horizon,
        predictions=len(known),
        coverage=float(inside.mean()),
        ordinary_coverage=float(inside[~reported].mean()) if not reported.all() else None,
        report_coverage=float(inside[reported].mean()) if reported.any() else None,
        interval_score=float(np.mean(interval_scores(lower, upper, actual))),
        mean_absolute_error=float(np.mean(np.abs(median - actual))),
        direction_accuracy=float(np.mean((median >= 0) == (actual > 0))),
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
        report=saw_report(noted, reports),
    )


def saw_report(noted: Noted, reports: ReportDates) -> bool | None:
    """Whether a report took effect after the close of `made_on`, up to the close of `target_on`."""
    if not reports.reports:
        return None
    return any(
        noted.made_on <= str(report.filed_on) < noted.target_on
        if report.timing is not Timing.BEFORE_OPEN
        else noted.made_on < str(report.filed_on) <= noted.target_on
        for report in reports.reports
    )
