from datetime import date

import numpy as np
import pytest

from forecasting.baseline import baseline_forecast
from market.bars import Bars
from serving.predictions.price_prediction import price_prediction


@pytest.mark.parametrize("price", [1e-6, 0.0052, 0.4, 1.0, 170.73, 620_000.0])
def test_the_interval_of_any_price_is_as_wide_as_its_forecast_says(simulated_bars: Bars, price: float) -> None:
    forecast = baseline_forecast(simulated_bars, 1)

    made = price_prediction(forecast, price, date(2024, 3, 8), date(2024, 3, 11))

    bounds = np.array([made.interval.lower, made.price_target, made.interval.upper])
    expected = price * (1 + np.array([forecast.lower, forecast.median, forecast.upper]))
    assert bounds == pytest.approx(expected, rel=1e-4)
    assert bounds[0] < bounds[1] < bounds[2]
