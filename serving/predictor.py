"""What the service does: a prediction for a ticker, whatever fails on the way. Every door shares it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import cast

import numpy as np

from configuration import Settings
from features import NAMES, WARM_UP, WINDOW, features_and_level
from forecasting.baseline import FEWEST_BARS, baseline_forecast
from forecasting.card import ModelCard
from forecasting.distribution import Forecast
from forecasting.published import Published, UnreadableModel
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.answers import DataReference, ModelReference, Prediction, Predictions, TickerProblem, outlook
from serving.champions import Champions
from serving.forests import Output, Row
from serving.problems import Problem, unavailable
from serving.requests import check_horizon, check_ticker
from serving.timing import stage

log = logging.getLogger(__name__)

RETRY_AFTER = 30
BASELINE = ModelReference(type="baseline", version=None, run_id=None, trained_at=None)

Ask = Callable[[Row], Awaitable[Output]]
Wanted = Callable[[str, int], None]


class Predictor:
    """Prices, features, model and fallbacks joined into one answer."""

    def __init__(self, settings: Settings, market: Market, champions: Champions, ask: Ask, wanted: Wanted) -> None:
        """Wire the parts.

        Args:
            ask: gives a row to its forest.
            wanted: told of each ticker and horizon that somebody asked for and no model could answer.
        """
        self._settings = settings
        self._market = market
        self._champions = champions
        self._ask = ask
        self._wanted = wanted

    async def predict(self, ticker: str, horizon: int) -> Prediction:
        """The prediction for one ticker that somebody asked for; where no model could answer, one is wanted.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 503 when there is no price from anywhere.
        """
        prediction = await self.answer(ticker, horizon)
        if prediction.model.type == "baseline":
            self._wanted(prediction.ticker, horizon)
        return prediction

    async def answer(self, ticker: str, horizon: int) -> Prediction:
        """The same without wanting a model.

        Raises:
            Problem: as `predict`.
        """
        ticker = check_ticker(ticker, self._settings)
        check_horizon(horizon, self._settings)
        try:
            with stage("prices"):
                quote = await self._market.quote(ticker)
                history = await self._market.history(ticker)
            bars = history.bars
            if len(bars) < FEWEST_BARS:
                raise unavailable(f"{ticker}: one session of prices is not enough for a forecast", RETRY_AFTER)
            target_on = self._market.sessions.after(bars.session[-1], horizon)
        except MarketError as error:
            raise unavailable(str(error), RETRY_AFTER) from None
        forecast, model = await self._forecast(bars, horizon)
        return Prediction(
            ticker=ticker,
            current_price=quote.price,
            prediction=outlook(forecast, quote.price, _date(bars.session[-1]), _date(target_on)),
            model=model,
            data=DataReference(
                source=quote.source, history_source=bars.source, as_of=quote.at, provisional=False, stale=history.stale
            ),
            timestamp=datetime.now(UTC),
        )

    async def predict_many(self, tickers: list[str], horizon: int) -> Predictions:
        """The predictions for several tickers; one that fails becomes a problem and spoils no other.

        Raises:
            Problem: 422 for a horizon that is not configured.
        """
        check_horizon(horizon, self._settings)
        outcomes = await asyncio.gather(*(self._attempt(ticker, horizon) for ticker in tickers))
        return Predictions(
            predictions=[outcome for outcome in outcomes if isinstance(outcome, Prediction)],
            problems=[outcome for outcome in outcomes if isinstance(outcome, TickerProblem)],
        )

    async def _attempt(self, ticker: str, horizon: int) -> Prediction | TickerProblem:
        try:
            return await self.predict(ticker, horizon)
        except Problem as problem:
            status, detail = problem.status, problem.detail
        except Exception:
            log.exception("%s: no prediction", ticker)
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, f"{ticker}: this ticker failed; the log says why"
        return TickerProblem(ticker=ticker, status=status, title=status.phrase, detail=detail)

    async def _forecast(self, bars: Bars, horizon: int) -> tuple[Forecast, ModelReference]:
        published = self._champions.get(bars.ticker, horizon)
        if published is not None and published.card.simulated == bars.simulated and len(bars) > WARM_UP:
            try:
                return await self._by_model(published, bars)
            except Exception:
                log.exception("%s at horizon %d: the model fails, the baseline answers", bars.ticker, horizon)
        with stage("baseline"):
            return baseline_forecast(bars, horizon), BASELINE

    async def _by_model(self, published: Published, bars: Bars) -> tuple[Forecast, ModelReference]:
        card = published.card
        with stage("features"):
            inputs, level = features_and_level(bars[-WINDOW:], card.horizon, rows=1)
        with stage("model"):
            output = await self._ask(Row(str(published.folder), inputs.tobytes()))
        if output.problem:
            raise UnreadableModel(output.problem)
        values = np.frombuffer(output.values, dtype=np.float32).astype(np.float64)
        forecast = card.forecast(values[np.newaxis], inputs, float(level[0]))
        return forecast, _reference(card, is_strange=card.is_strange(inputs))


async def try_model(published: Published, ask: Ask) -> None:
    """Have a new model answer a row before it serves.

    Raises:
        UnreadableModel: it cannot answer, or was made for other inputs.
    """
    if published.card.features != NAMES:
        raise UnreadableModel(f"{published.folder}: made for other inputs than this release computes; train it again")
    output = await ask(Row(str(published.folder), np.zeros(len(NAMES), dtype=np.float32).tobytes()))
    if output.problem:
        raise UnreadableModel(output.problem)


def _date(session: np.datetime64) -> date:
    return cast(date, session.item())


def _reference(card: ModelCard, *, is_strange: bool) -> ModelReference:
    return ModelReference(
        type="random_forest",
        version=card.version,
        run_id=card.run_id,
        trained_at=card.trained_at,
        extrapolating=is_strange,
    )
