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
from serving.contract.schemas import Prediction
from serving.contract.validation import check_horizon, check_ticker
from serving.details.bars import history_of, report_answer
from serving.predictions.cached import CachedPredictor
from serving.predictions.prices import LOOK_BACK


async def explain_width(
    settings: Settings, market: Market, predictor: CachedPredictor, ticker: str, horizon: int
) -> WidthAnswer:
    """The parts of the interval that is served: the level of recent volatility, and what the model makes of it.

    Raises:
        Problem: 422 or 404 for what cannot be asked, 503 when there is no price.
    """
    ticker = check_ticker(ticker, settings)
    check_horizon(horizon, settings)
    prediction = (await predictor.answer(ticker, horizon)).answer.prediction
    recent = (await history_of(market, ticker)).bars[-LOOK_BACK:]
    level = float(volatility_level(Moves(recent), horizon, 1)[0])
    width, baseline_width = _served_width(prediction), _baseline_width(recent, horizon)
    return WidthAnswer(
        ticker=ticker,
        horizon=horizon,
        level=level,
        horizon_level=level * float(np.sqrt(horizon)),
        baseline_width=baseline_width,
        width=width,
        correction=width / baseline_width,
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


def _is_ahead(report: Report, prediction: Prediction) -> bool:
    filed_on = date.fromisoformat(str(report.filed_on))
    return prediction.prediction.made_on <= filed_on <= prediction.prediction.target_on
