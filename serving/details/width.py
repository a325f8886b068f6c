"""Why an interval is as wide as it is."""

from datetime import date

import numpy as np

from configuration import Settings
from features import Moves, volatility_level
from forecasting.baseline import baseline_forecast
from market.bars import Bars
from market.market import Market
from market.reports.dates import Report
from serving.contract.details import WidthAnswer
from serving.contract.predictions import Prediction
from serving.contract.validation import check_horizon, check_ticker
from serving.details.bars import history_of, report_answer
from serving.predictions.cached import CachedPredictor
from serving.predictions.predictor import Models
from serving.predictions.prices import LOOK_BACK


async def explain_width(
    settings: Settings, market: Market, predictor: CachedPredictor, ticker: str, horizon: int, *, models: Models
) -> WidthAnswer:
    """The parts of the interval that is served: the level of recent volatility, what the model and a report make of it.

    Args:
        models: that `predictor` has answer.

    Raises:
        Problem: 422 or 404 for what cannot be asked, 503 when there is no price.
    """
    ticker = check_ticker(ticker, settings)
    check_horizon(horizon, settings)
    prediction = (await predictor.answer(ticker, horizon)).answer.prediction
    recent = (await history_of(market, ticker)).bars[-LOOK_BACK:]
    level = float(volatility_level(Moves(recent), horizon, 1)[0])
    width, baseline_width = _served_width(prediction), _baseline_width(recent, horizon)
    correction, report_factor = width / baseline_width, _report_factor(prediction, models)
    return WidthAnswer(
        ticker=ticker,
        horizon=horizon,
        level=level,
        horizon_level=level * float(np.sqrt(horizon)),
        baseline_width=baseline_width,
        width=width,
        correction=correction,
        model_factor=correction / report_factor if report_factor else None,
        report_factor=report_factor,
        next_report=prediction.data.report,
        reports=[
            report_answer(report) for report in market.reports_of(ticker).reports if _is_ahead(report, prediction)
        ],
        extrapolating=prediction.model.extrapolating,
    )


def _served_width(prediction: Prediction) -> float:
    interval = prediction.prediction.interval
    return (interval.upper - interval.lower) / prediction.current_price


def _baseline_width(recent: Bars, horizon: int) -> float:
    forecast = baseline_forecast(recent, horizon)
    return forecast.upper - forecast.lower


def _report_factor(prediction: Prediction, models: Models) -> float | None:
    """What a report makes of the width: nothing for the baseline; None when the model that answered is gone."""
    if prediction.model.version is None:
        return 1.0
    horizon, report = prediction.prediction.horizon, prediction.data.report
    first = models.get(prediction.ticker, horizon)
    for published in (first, models.behind(first)) if first else ():
        if published and (published.card.version, published.card.run_id) == _identity(prediction):
            return published.card.calibration.report_factor(horizon, report.in_horizon if report else 0.0)
    return None


def _identity(prediction: Prediction) -> tuple[int | None, str | None]:
    return prediction.model.version, prediction.model.run_id


def _is_ahead(report: Report, prediction: Prediction) -> bool:
    filed_on = date.fromisoformat(str(report.filed_on))
    return prediction.prediction.made_on <= filed_on <= prediction.prediction.target_on
