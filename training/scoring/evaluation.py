"""Forecasts as they would have been made on each session of the past, beside the returns that followed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.baseline import SMALLEST_SAMPLE
from forecasting.calibration import Calibration, Reading
from forecasting.distribution import Distribution, Forecast
from market.bars import FloatArray
from training.learning.dataset import Dataset
from training.learning.walk_forward import Outputs, calibrator


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Out-of-sample forecasts, m of them, one row each, ascending.

    Attributes:
        row: shape (m,), of the data set.
        median, lower, upper, probability_up: shape (m,), the forecasts.
        actual: shape (m,), the returns that followed; NaN while unknown.
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


def evaluate(data: Dataset, outputs: Outputs, last: int | None = None) -> Evaluation:
    """The model's forecasts, each calibrated on the residuals known on its session.

    Args:
        last: only so many of them, at most, the newest.
    """
    read = _reader(data, outputs)

    def made_at(row: int) -> Forecast:
        calibration, reading = read(row)
        return calibration.forecast(data.horizon, reading)

    first = first_evaluated(data, outputs)
    return collect(data, first if last is None else max(first, len(data) - last), made_at)


def distributions(data: Dataset, outputs: Outputs) -> list[Distribution]:
    """The whole distributions that `evaluate` reads its forecasts from, one for each of its rows."""
    read = _reader(data, outputs)

    def made_at(row: int) -> Distribution:
        calibration, reading = read(row)
        return calibration.distribution(data.horizon, reading)

    return [made_at(row) for row in range(first_evaluated(data, outputs), len(data))]


def _reader(data: Dataset, outputs: Outputs) -> Callable[[int], tuple[Calibration, Reading]]:
    """What was known at a row: the calibration, and the outputs of the model of that time."""
    chances, log_ratio = data.reports.chances, np.log(outputs.widths(data))
    calibrate = calibrator(data, outputs)

    def read(row: int) -> tuple[Calibration, Reading]:
        index, calibration = row - outputs.first, calibrate(row)
        report_chance = chances.within(data.horizon, calibration.reaction.same_session, row)
        return calibration, Reading(outputs.expected[index], log_ratio[index], data.unit[row], report_chance)

    return read


def collect(data: Dataset, first: int, made_at: Callable[[int], Forecast]) -> Evaluation:
    """Forecasts of all rows from `first` on, as columns."""
    rows = np.arange(first, len(data))
    made = [made_at(int(row)) for row in rows]
    columns = {
        name: np.array([getattr(one, name) for one in made]) for name in ("median", "lower", "upper", "probability_up")
    }
    return Evaluation(row=rows, actual=data.actual[rows], **columns)


def first_evaluated(data: Dataset, outputs: Outputs) -> int:
    """The first row at which SMALLEST_SAMPLE residuals are known."""
    return outputs.first + SMALLEST_SAMPLE + data.horizon - 1
