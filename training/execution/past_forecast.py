"""A forecast as it would have been made at the end of a day of the past."""

import asyncio
from dataclasses import dataclass
from datetime import date

import numpy as np
import onnxruntime
import structlog

from configuration import Settings
from features import WINDOW, latest
from features.sequence import latest_model_inputs
from forecasting.card import ModelCard
from forecasting.distribution import Forecast
from forecasting.reports.schedule import ReportSchedule
from market.calendar.sessions import Sessions
from market.history.past import PastHistory
from market.market import Market
from training.errors import RegistryError
from training.execution.run import training_configs
from training.learning.pipeline import train
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.runs.contents import card_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at the end of a day."""

    history: PastHistory
    schedule: ReportSchedule
    sessions: Sessions


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A forecast as of then.

    Attributes:
        made_by: the model, in words.
        fitted_later: whether it was fitted after that day, though on nothing that came after it.
    """

    known: Known
    forecast: Forecast
    made_by: str
    fitted_later: bool


def forecast_as_of(settings: Settings, ticker: str, horizon: int, day: date) -> Said:
    """By the champion of that day, else by a model fitted now on what was known then.

    Raises:
        MarketError: nothing was known then.
        TrainingError: no version is that old, and what was known is too little to fit a model on.
    """
    known = asyncio.run(_known(settings, ticker, day))
    bars = known.history.bars
    if (champion := _champion(settings, known, horizon)) is not None:
        card, onnx = champion
        return Said(known, _forecast(card, onnx, known), f"{card.recipe}, version {card.version}", fitted_later=False)
    config = training_configs(settings)[0]
    trained = train(bars, horizon, config, known.schedule)
    forecast = _forecast(card_of(trained, "", 0), trained.onnx, known)
    return Said(known, forecast, f"{config.recipe.name}, fitted now on what was known then", fitted_later=True)


async def _known(settings: Settings, ticker: str, day: date) -> Known:
    market = Market.open(settings)
    try:
        history, dates = await market.as_of(ticker, day), await market.refresh_reports(ticker)
    finally:
        await market.close()
    schedule = ReportSchedule.of(dates, market.sessions.session, settings.market.reports.announced_before)
    return Known(history, schedule, market.sessions)


def _champion(settings: Settings, known: Known, horizon: int) -> tuple[ModelCard, bytes] | None:
    """The version that was champion then, if there was one and this release can read it."""
    bars, registry = known.history.bars, Registry(settings)
    version = registry.champion_at(bars.ticker, horizon, known.history.moment, simulated=bars.simulated)
    if version is None:
        return None
    try:
        found = registry.get(bars.ticker, horizon, version)
    except RegistryError as error:
        log.warning("champion.unreadable", problem=str(error), instead="a model is fitted now")
        return None
    return found.card, found.onnx


def _forecast(card: ModelCard, onnx: bytes, known: Known) -> Forecast:
    bars = known.history.bars
    inputs, level = latest([bars[-WINDOW:]], card.horizon)
    given = latest_model_inputs(bars, inputs[0], float(level[0]), card.sessions)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {"X": given[np.newaxis]})
    chances = known.schedule.chances(bars.session[-1:])
    return card.forecast(np.asarray(outputs, dtype=np.float64), inputs, float(level[0]), chances)
