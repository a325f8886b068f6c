"""From returns, which is what forecasts are made in, to prices, which is what clients ask for."""

from datetime import date
from math import floor, log10

import numpy as np

from forecasting.distribution import INTERVAL_LEVEL, Distribution, Forecast
from serving.contract.predictions import Interval, PricePrediction, PriceProbability, PriceQuantile
from serving.contract.validation import Asked

# Prices carry more digits than they trade in: most forecasts differ from the current price by less than a cent.
PRICE_DIGITS = 4
PROBABILITY_DIGITS = 6
# Of a price below one, whose first decimals say little.
SIGNIFICANT_DIGITS = 5
BULLISH_FROM = 0.5


def price_prediction(forecast: Forecast, current_price: float, made_on: date, target_on: date) -> PricePrediction:
    """A forecast turned into prices.

    Args:
        current_price: that the forecast's returns are applied to, in the quote currency.
    """
    is_up = forecast.probability_up >= BULLISH_FROM
    lower, target, upper = (
        round(current_price * (1 + change), _decimals(current_price))
        for change in (forecast.lower, forecast.median, forecast.upper)
    )
    return PricePrediction(
        price_target=target,
        change_percent=round(100 * forecast.median, PRICE_DIGITS),
        direction="bullish" if is_up else "bearish",
        confidence=round(forecast.probability_up if is_up else 1 - forecast.probability_up, PRICE_DIGITS),
        interval=Interval(level=INTERVAL_LEVEL, lower=lower, upper=upper),
        horizon=forecast.horizon,
        made_on=made_on,
        target_on=target_on,
    )


def with_distribution(
    prediction: PricePrediction, distribution: Distribution, asked: Asked, current_price: float
) -> PricePrediction:
    """The prediction with the quantiles and the probability that were asked for.

    Args:
        current_price: that the prediction was made from.
    """
    returns = distribution.quantile(np.array(asked.quantiles))
    quantiles = [
        PriceQuantile(probability=probability, price=round(current_price * (1 + change), _decimals(current_price)))
        for probability, change in zip(asked.quantiles, returns.tolist(), strict=True)
    ]
    update: dict[str, object] = {"quantiles": quantiles} if quantiles else {}
    if asked.above is not None:
        below = float(distribution.probability_below(np.array(asked.above / current_price - 1)))
        update["above"] = PriceProbability(price=asked.above, probability=round(1 - below, PROBABILITY_DIGITS))
    return prediction.model_copy(update=update)


def _decimals(price: float) -> int:
    """Decimals that prices near `price` are rounded to: more of them, the smaller it is."""
    leading_zeros = -floor(log10(price)) if 0 < price < 1 else 0
    return max(PRICE_DIGITS, SIGNIFICANT_DIGITS + leading_zeros - 1)
