"""Forecasts as they would have been made on each session of the past, beside what happened."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.baseline import ENOUGH
from forecasting.distribution import Forecast, forecast
from market.bars import FloatArray
from training.learning.dataset import Dataset
from training.learning.walk_forward import Outputs, calibrate


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Out-of-sample forecasts, m of them, one row each, ascending.

    Attributes:
        row: shape (m,), of the data set.
        median, lower, upper, probability_up: shape (m,), the forecasts.
        actual: shape (m,), what happened; NaN while unknown.
    """

    row: np.ndarray[tuple[int], np.dtype[np.int64]]
    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    probability_up: FloatArray
    actual: FloatArray

    def known(self) -> "Evaluation":
        """The rows whose return is known."""
        kept = np.isfinite(self.actual)
        columns = (getattr(self, name)[kept] for name in self.__slots__)
        return Evaluation(*columns)


def evaluate(data: Dataset, outputs: Outputs) -> Evaluation:
    """The model's forecasts, each calibrated on the misses known on its session."""

    def made_at(row: int) -> Forecast:
        calibration = calibrate(data, outputs, row)
        index = row - outputs.first
        centre = calibration.shrinkage * outputs.expected[index] * data.unit[row]
        width = np.exp(outputs.log_ratio[index]) * data.unit[row]
        return forecast(data.horizon, centre, width, calibration.quantiles)

    return collect(data, first_evaluated(data, outputs), made_at)


def collect(data: Dataset, first: int, made_at: Callable[[int], Forecast]) -> Evaluation:
    """Forecasts of all rows from `first` on, as columns."""
    rows = np.arange(first, len(data))
    made = [made_at(int(row)) for row in rows]
    columns = {
        name: np.array([getattr(one, name) for one in made]) for name in ("median", "lower", "upper", "probability_up")
    }
    return Evaluation(row=rows, actual=data.actual[rows], **columns)


def first_evaluated(data: Dataset, outputs: Outputs) -> int:
    """The first row at which enough misses are known for an interval."""
    return outputs.first + ENOUGH + data.horizon - 1
