"""Predictions as of a day of the past: from what was known and published by its end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from configuration import Settings
from forecasting.baseline import FEWEST_BARS
from forecasting.model_store import PublishedModel, published_models
from market.bars import Bars
from market.errors import CalendarExhausted, MarketError, NothingThen
from market.history.past import PastHistory
from market.market import Market
from market.quotes.quote import Quote
from serving.contract.predictions import DataReference, Prediction, ReportReference
from serving.contract.problems import not_found, unavailable, unprocessable
from serving.contract.validation import Asked, check_horizon, check_ticker
from serving.models.champions import Champions
from serving.predictions.known_filings import KnownFilings
from serving.predictions.predictor import RETRY_AFTER, Made, Predictor, next_report
from serving.predictions.price_prediction import price_prediction
from serving.predictions.prices import Prices
from serving.predictions.rendered import Rendered, Served


class PastPredictor:
    """Answers as of a day, in no cache and noted nowhere.

    The newest model that was trained by then answers. Where none of the store is so old, today's champion does, and the
    answer says that it was fitted later; without a champion the baseline does, which is never fitted.
    """

    def __init__(
        self, settings: Settings, market: Market, champions: Champions, predictor: Predictor, roots: Sequence[Path]
    ) -> None:
        """Look for models in `roots`."""
        self._settings = settings
        self._market = market
        self._champions = champions
        self._predictor = predictor
        self._roots = roots

    async def answer(self, ticker: str, horizon: int, day: date, asked: Asked | None = None) -> Served:
        """What would have been said at the end of `day`, UTC.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 404 where nothing was known, 503 without any prices.
        """
        ticker = check_ticker(ticker, self._settings)
        check_horizon(horizon, self._settings)
        if day > datetime.now(UTC).date():
            raise unprocessable(f"as_of={day} lies ahead; give today or a day of the past")
        history = await self._known(ticker, day)
        prices = Prices.of(self._close(history.bars), history.bars, self._market.sessions)
        published = await asyncio.to_thread(self._model_of, prices.bars, horizon, history.moment)
        filings = KnownFilings(
            self._market.reports_of, self._market.sessions, self._settings.market.reports.announced_before
        ).at(ticker, prices.session)
        made = _dated(await self._predictor.make(published, prices, horizon, filings), history.moment)
        report = next_report(filings, published, horizon)
        prediction = _prediction(prices, history, made, report)
        answer = Rendered.of(prediction, "", prediction.timestamp.timestamp(), made.fallback, made.forecast)
        return Served(answer.describing(asked) if asked else answer, "prediction" if made.reused else "miss")

    async def _known(self, ticker: str, day: date) -> PastHistory:
        try:
            history = await self._market.as_of(ticker, day)
        except (NothingThen, CalendarExhausted) as error:
            raise not_found(str(error)) from None
        except MarketError as error:
            raise unavailable(str(error), RETRY_AFTER) from None
        if len(history.bars) < FEWEST_BARS:
            raise not_found(f"{ticker}: one session of prices up to {day} is not enough for a forecast")
        return history

    def _model_of(self, bars: Bars, horizon: int, moment: datetime) -> PublishedModel | None:
        """The newest model that was trained by `moment` on the same kind of prices, else today's champion."""
        then = [
            one
            for one in published_models(self._roots, bars.ticker, horizon)
            if one.card.trained_at <= moment and one.card.has_current_features and one.card.simulated == bars.simulated
        ]
        return max(then, key=lambda one: one.card.trained_at, default=self._champions.get(bars.ticker, horizon))

    def _close(self, bars: Bars) -> Quote:
        """The last close, as the price of its moment."""
        at = self._market.sessions.closes(bars.session[-1])
        return Quote(bars.ticker, float(bars.close[-1]), at, bars.source)


def _prediction(prices: Prices, history: PastHistory, made: Made, report: ReportReference | None) -> Prediction:
    price, target_on = prices.quote.price, prices.target_on(made.forecast.horizon)
    return Prediction(
        ticker=prices.quote.ticker,
        current_price=price,
        prediction=price_prediction(made.forecast, price, prices.made_on, target_on),
        model=made.model,
        data=DataReference(
            source=prices.quote.source,
            history_source=prices.bars.source,
            as_of=prices.quote.at,
            provisional=False,
            stale=history.stale,
            report=report,
            known_by=history.known_by.value,
        ),
        timestamp=datetime.now(UTC),
    )


def _dated(made: Made, moment: datetime) -> Made:
    """The same, saying whether its model was fitted after `moment`."""
    trained_at = made.model.trained_at
    later = trained_at is not None and trained_at > moment
    return replace(made, model=made.model.model_copy(update={"fitted_later": later}))
