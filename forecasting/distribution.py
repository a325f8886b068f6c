"""The distribution that every forecast is read from: a centre, a width, and a table of quantiles."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from configuration import HORIZONS
from market.bars import FloatArray

INTERVAL_LEVEL = 0.9

# Where the quantiles of a table stand: every percent, and finer towards the ends, which carry the interval.
PROBABILITIES: FloatArray = np.concatenate(([0.0025, 0.005], np.arange(1, 100) / 100, [0.995, 0.9975]))
PROBABILITIES.setflags(write=False)

LEAST_RISES = 0.3
# Overlapping misses over h sessions tell as much as a share of 1 / h of them; a quarter of that correction suffices.
OVERLAP_WIDENING = 0.25
SMALLEST_MISS = 1e-6

_SIZES: FloatArray = np.concatenate((np.arange(100) / 100, [0.995]))
# Quantiles of the absolute value of a normal variable, in units of its mean.
_HALF_NORMAL: FloatArray = np.array([NormalDist().inv_cdf(0.5 + size / 2) for size in _SIZES]) * np.sqrt(np.pi / 2)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will happen to the close over `horizon` sessions, as simple returns (0.02 is 2 %).

    Attributes:
        median: as likely above as below.
        lower, upper: ends of the central interval of INTERVAL_LEVEL.
        probability_up: that the return is above zero; at least 0.5 exactly when `median` is not negative.
        extrapolating: whether a model made it from inputs beyond everything it was trained on.
    """

    horizon: int
    median: float
    lower: float
    upper: float
    probability_up: float
    extrapolating: bool = False


def forecast(
    horizon: int, centre: float, width: float, quantiles: FloatArray, *, extrapolating: bool = False
) -> Forecast:
    """Read a forecast from the distribution of `centre + width * Z`.

    Args:
        centre: expected return.
        width: positive, unit of Z, as a return.
        quantiles: shape (len(PROBABILITIES),), ascending: the quantiles of Z at PROBABILITIES.
    """
    tail = (1 - INTERVAL_LEVEL) / 2
    lower, median, upper = centre + width * np.interp([tail, 0.5, 1 - tail], PROBABILITIES, quantiles)
    probability_up = 1 - float(np.interp(-centre / width, quantiles, PROBABILITIES))
    probability_up = _agreeing(probability_up, float(median))
    return Forecast(horizon, float(median), float(lower), float(upper), probability_up, extrapolating)


def table(misses: FloatArray, horizon: int) -> FloatArray:
    """Quantiles of Z from past misses, with sizes alike on both sides.

    The sizes of the misses are taken together, above and below, which doubles what the tails are told from, and
    averaged in logs with those of a normal variable of the same mean size; then the sizes are given signs, rises as
    often as `sign_trust` of the horizon says. An interval from the empirical part alone is that of split conformal
    prediction with a symmetric score, widened for the finite number of misses.

    Args:
        misses: shape (n,), n at least 1, finite: (actual - centre) / width.
        horizon: sessions over which each miss arose.

    Returns:
        Shape (len(PROBABILITIES),), ascending.

    Source: Lei et al., "Distribution-Free Predictive Inference for Regression", 2018, section 2.2.
    """
    sizes = np.abs(misses)
    widening = 1 + OVERLAP_WIDENING * horizon / sizes.size
    observed = np.quantile(sizes, np.minimum(_SIZES * widening, 1))
    normal = sizes.mean() * _HALF_NORMAL
    size = np.sqrt(np.maximum(observed, SMALLEST_MISS) * np.maximum(normal, SMALLEST_MISS))
    rises = 0.5 + HORIZONS[horizon].sign_trust * (float(np.mean(misses > 0)) - 0.5)
    rises = float(np.clip(rises, LEAST_RISES, 1 - LEAST_RISES))
    falls = 1 - rises
    below = -np.interp(1 - PROBABILITIES / falls, _SIZES, size)
    above = np.interp(1 - (1 - PROBABILITIES) / rises, _SIZES, size)
    return np.asarray(np.where(falls > PROBABILITIES, below, above))


def _agreeing(probability_up: float, median: float) -> float:
    """The probability, kept on the side of one half that the median is on when rounding says otherwise."""
    return max(probability_up, 0.5) if median >= 0 else min(probability_up, float(np.nextafter(0.5, 0)))
