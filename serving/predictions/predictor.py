"""Compute a prediction for a ticker, by the model or, where that fails, by the baseline."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Protocol

import numpy as np
import structlog

from configuration import Settings
from features import WARM_UP
from forecasting.baseline import FEWEST_BARS, baseline_forecast
from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, UnreadableModel
from forecasting.reports.reaction import USUAL
from forecasting.reports.schedule import FilingChances
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from market.quotes.quote import Quote
from serving.contract.predictions import DataReference, ModelReference, Prediction, ReportReference
from serving.contract.problems import unavailable
from serving.models.forest_client import ForestsUnavailable
from serving.models.onnx_sessions import Output, Row
from serving.predictions.forecast_cache import ForecastCache
from serving.predictions.forecaster import Forecaster
from serving.predictions.known_filings import Filings, KnownFilings
from serving.predictions.price_prediction import price_prediction
from serving.predictions.prices import KnownPrices, Prices, to_date
from serving.telemetry.timing import stage

log = structlog.get_logger(__name__)

RETRY_AFTER = 30
CHANCE_DIGITS = 4
FORESTS_UNAVAILABLE = "forests_unavailable"
BASELINE = ModelReference(type="baseline", version=None, run_id=None, trained_at=None)

Ask = Callable[[Row], Awaitable[Output]]


@dataclass(frozen=True, slots=True)
class Made:
    """A forecast, and what made it.

    Attributes:
        fallback: why the baseline made it; empty when a model did.
        reused: whether it had been made before.
    """

    forecast: Forecast
    model: ModelReference
    fallback: str = ""
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Computed:
    """A prediction with what the caches need to know.

    Attributes:
        model: folder name of the champion at that time, empty without one.
        expires: Unix seconds; the quote in it is good no longer.
    """

    prediction: Prediction
    forecast: Forecast
    model: str
    expires: float
    fallback: str
    reused: bool


class Models(Protocol):
    """Which model answers for a ticker and horizon."""

    def get(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The one that answers now, if there is one."""

    async def find(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The same; one that was not tried yet is tried now."""

    def withdraw(self, published: PublishedModel, reason: str) -> None:
        """Have it answer no longer, because it failed for `reason`."""

    def behind(self, published: PublishedModel) -> PublishedModel | None:
        """What answers in its place when it cannot; None when only the baseline does."""


class Predictor:
    """Prices, features, model and fallbacks joined into one answer."""

    def __init__(
        self, settings: Settings, market: Market, champions: Models, forecaster: Forecaster, forecasts: ForecastCache
    ) -> None:
        """Wire the parts."""
        self._quote_ttl = settings.market.quote_ttl
        self._prices = KnownPrices(market)
        self._champions = champions
        self._forecaster = forecaster
        self._forecasts = forecasts
        announced_before = settings.market.reports.announced_before
        self._filings = KnownFilings(market.reports_of, market.sessions, announced_before)

    async def compute(self, ticker: str, horizon: int, *, fresh: bool = False) -> Computed:
        """Return the prediction for a configured ticker and horizon.

        Args:
            fresh: whether features and model must be computed now, for this caller alone.

        Raises:
            Problem: 503 when there is no price from anywhere.
        """
        try:
            with stage("prices"):
                prices, stale = await self._prices.at(ticker)
            target_on = prices.target_on(horizon)
        except MarketError as error:
            raise unavailable(str(error), RETRY_AFTER) from None
        if len(prices.complete) < FEWEST_BARS:
            raise unavailable(f"{ticker}: one session of prices is not enough for a forecast", RETRY_AFTER)
        published = await self._champions.find(ticker, horizon)
        filings = self._filings.at(ticker, prices.session)
        made = await self.make(published, prices, horizon, filings, fresh=fresh)
        is_refused = made.fallback not in {"", FORESTS_UNAVAILABLE}
        if published and is_refused and (behind := self._champions.behind(published)):
            published, made = behind, await self.make(behind, prices, horizon, filings, fresh=fresh)
        quote = prices.quote
        prediction = Prediction(
            ticker=ticker,
            current_price=quote.price,
            prediction=price_prediction(made.forecast, quote.price, prices.made_on, target_on),
            model=made.model,
            data=DataReference(
                source=quote.source,
                history_source=prices.bars.source,
                as_of=quote.at,
                provisional=prices.provisional,
                stale=stale,
                report=next_report(filings, published, horizon),
            ),
            timestamp=datetime.now(UTC),
        )
        expires = (
            quote.expires_at.timestamp() if quote.expires_at else prediction.timestamp.timestamp() + self._quote_ttl
        )
        return Computed(prediction, made.forecast, model_tag(published), expires, made.fallback, made.reused)

    async def make(
        self, published: PublishedModel | None, prices: Prices, horizon: int, filings: Filings, *, fresh: bool = False
    ) -> Made:
        """The forecast of a model from `prices`; the baseline's where there is none, or it fails or does not fit."""
        bars = prices.bars
        reason = _unfit(published, bars)
        if published is not None and not reason:
            try:
                return await self._by_model(published, prices, filings.chances, fresh=fresh)
            except ForestsUnavailable:
                reason = FORESTS_UNAVAILABLE
            except UnreadableModel as error:
                self._champions.withdraw(published, str(error))
                reason = "model_failed"
            except Exception as error:  # noqa: BLE001  # whatever it is, the baseline answers
                log.error("fallback", ticker=bars.ticker, horizon=horizon, to="baseline", problem=str(error))  # noqa: TRY400
                reason = "model_failed"
        with stage("baseline"):
            return Made(baseline_forecast(bars, horizon), BASELINE, reason)

    async def _by_model(
        self, published: PublishedModel, prices: Prices, reports: FilingChances, *, fresh: bool
    ) -> Made:
        bars = prices.recent

        async def make() -> Forecast:
            return await self._forecaster.forecast(published, bars, reports)

        with stage("forecast"):
            if fresh:
                forecast, reused = await make(), False
            else:
                horizon = published.card.horizon
                seconds = _life(prices.quote) if prices.provisional else inf
                forecast, reused = await self._forecasts.get(
                    model_tag(published), bars, reports, horizon, make, shared_seconds=seconds
                )
        return Made(forecast, _reference(published, extrapolating=forecast.extrapolating), reused=reused)


def model_tag(published: PublishedModel | None) -> str:
    """Return a name that no other model of the ticker has; empty without a model."""
    return "/".join(published.folder.parts[-2:]) if published else ""


async def try_model(published: PublishedModel, ask: Ask) -> None:
    """Have a new model answer a row before it serves.

    Raises:
        UnreadableModel: it cannot answer, or was made for other inputs.
    """
    if not published.card.has_current_features:
        raise UnreadableModel(f"{published.folder}: made for other inputs than this release computes; train it again")
    output = await ask(Row(str(published.folder), np.zeros(published.card.width, dtype=np.float32).tobytes()))
    if output.problem:
        raise UnreadableModel(output.problem)


def _life(quote: Quote) -> float:
    """Seconds after which nobody makes a forecast from this quote any more."""
    return (quote.expires_at - datetime.now(UTC)).total_seconds() if quote.expires_at else inf


def _unfit(published: PublishedModel | None, bars: Bars) -> str:
    """Return why the champion cannot answer for these bars; empty when it can."""
    if published is None:
        return "no_model"
    if published.card.simulated != bars.simulated:
        return "other_kind_of_prices"
    return "" if len(bars) > WARM_UP else "too_few_sessions"


def _reference(published: PublishedModel, *, extrapolating: bool) -> ModelReference:
    card = published.card
    return ModelReference(
        type=published.card.model_type,
        version=card.version,
        run_id=card.run_id,
        trained_at=card.trained_at,
        extrapolating=extrapolating,
    )


def next_report(filings: Filings, published: PublishedModel | None, horizon: int) -> ReportReference | None:
    """The next report as an answer tells it, if anything lets expect one."""
    coming = filings.coming
    if coming is None:
        return None
    reaction = published.card.reaction if published else USUAL
    return ReportReference(
        expected_on=to_date(coming.expected_on),
        confirmed=coming.confirmed,
        source=filings.source,
        in_horizon=round(filings.chances.within(horizon, reaction.same_session), CHANCE_DIGITS),
    )
