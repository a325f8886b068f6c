"""The forecast's equation: a model's outputs scaled by what past residuals say of it."""

from dataclasses import dataclass

import numpy as np

from forecasting.distribution import Distribution, Forecast, central, forecast, mixed
from forecasting.reports.reaction import USUAL, Reaction
from market.bars import FloatArray


@dataclass(frozen=True, slots=True)
class Reading:
    """A model's outputs on one session as its formula reads them.

    Attributes:
        expected: return that the model expects, in units.
        log_ratio: log of the width over the unit.
        unit: volatility level times the square root of the horizon, as a return.
        report_chance: probability that a report takes effect within the horizon.
    """

    expected: float
    log_ratio: float
    unit: float
    report_chance: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What past residuals say about a model.

    Attributes:
        shrinkage: share of the expected return to use, 0 to 1.
        quantiles: shape (len(PROBABILITIES),), of ordinary residuals in units of the forecast width.
        reaction: to reports.
    """

    shrinkage: float
    quantiles: FloatArray
    reaction: Reaction = USUAL

    def forecast(self, horizon: int, reading: Reading, *, extrapolating: bool = False) -> Forecast:
        """The forecast `shrinkage * expected * unit + exp(log_ratio) * unit * Z`, where a report may widen Z."""
        return forecast(horizon, *self._scaled(horizon, reading), extrapolating=extrapolating)

    def distribution(self, horizon: int, reading: Reading) -> Distribution:
        """The whole distribution that `forecast` reads its numbers from."""
        centre, width, quantiles = self._scaled(horizon, reading)
        return Distribution(centre + width * quantiles)

    def report_factor(self, horizon: int, chance: float) -> float:
        """Factor on the width of the interval that a report makes, which takes effect with the probability `chance`."""
        with_report = mixed(self.quantiles, chance, self.reaction.widening(horizon))
        (lower, _, upper), (lower_with, _, upper_with) = central(self.quantiles), central(with_report)
        return float((upper_with - lower_with) / (upper - lower))

    def _scaled(self, horizon: int, reading: Reading) -> tuple[float, float, FloatArray]:
        """Centre, width, and quantiles of Z."""
        centre = self.shrinkage * reading.expected * reading.unit
        width = float(np.exp(reading.log_ratio)) * reading.unit
        return centre, width, mixed(self.quantiles, reading.report_chance, self.reaction.widening(horizon))
