"""The distribution that every forecast is read from: a centre, a width, and quantiles."""

from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np

from configuration import HORIZONS
from market.bars import FloatArray

Places = np.ndarray[tuple[int], np.dtype[np.intp]]
Array = TypeVar("Array", bound=np.ndarray[Any, Any])

INTERVAL_LEVEL = 0.9

# Probabilities of the quantiles that are kept: every percent, and finer towards the ends, which decide the interval.
PROBABILITIES: FloatArray = np.concatenate(([0.0025, 0.005], np.arange(1, 100) / 100, [0.995, 0.9975]))
PROBABILITIES.setflags(write=False)

# Between this and its complement the share of rises is held.
SMALLEST_SHARE = 0.3
# Residuals over h sessions overlap, so n are worth n / h independent ones; a quarter of that correction suffices.
OVERLAP_WIDENING = 0.25
SMALLEST_RESIDUAL = 1e-6

_HALF = 0.5

_SIZES: FloatArray = np.concatenate((np.arange(100) / 100, [0.995]))
# Quantiles of the absolute value of a normal variable, in units of its standard deviation and of its mean.
_NORMAL: FloatArray = np.array([NormalDist().inv_cdf(0.5 + size / 2) for size in _SIZES])
_HALF_NORMAL: FloatArray = _NORMAL * np.sqrt(np.pi / 2)
# From fewer degrees of freedom the expansion of Student's distribution is not used.
FEWEST_FREEDOMS = 4.0
# Sample sizes for which what depends on nothing else is kept; a full memory of residuals has always the same.
MOST_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will happen to the close over `horizon` sessions, as simple returns (0.02 is 2 %).

    Attributes:
        median: as likely above as below.
        lower, upper: ends of the central interval of INTERVAL_LEVEL.
        probability_up: that the return is above zero; at least 0.5 exactly when `median` is not negative.
        extrapolating: whether a model made it from inputs beyond everything it was trained on.
        quantiles: the returns at PROBABILITIES, from which all of this was read.
    """

    horizon: int
    median: float
    lower: float
    upper: float
    probability_up: float
    extrapolating: bool = False
    quantiles: tuple[float, ...] = field(default=(), repr=False)

    @property
    def distribution(self) -> "Distribution":
        """The whole distribution of the return."""
        return Distribution(np.array(self.quantiles))


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The whole distribution of a return, linear between its quantiles and exponential beyond them.

    Attributes:
        quantiles: shape (len(PROBABILITIES),), strictly ascending: the returns at PROBABILITIES (0.02 is 2 %).
    """

    quantiles: FloatArray

    def quantile(self, probability: FloatArray) -> FloatArray:
        """The returns that are not exceeded with each probability, shape of `probability`.

        Args:
            probability: between 0 and 1, both excluded.
        """
        inner = np.interp(probability, PROBABILITIES, self.quantiles)
        below = self.quantiles[0] + self._scale(0, 1) * np.log(np.minimum(probability / PROBABILITIES[0], 1))
        above = np.log(np.minimum((1 - probability) / (1 - PROBABILITIES[-1]), 1))
        above = self.quantiles[-1] - self._scale(-2, -1) * above
        return np.where(probability < PROBABILITIES[0], below, np.where(probability > PROBABILITIES[-1], above, inner))

    def probability_below(self, value: FloatArray) -> FloatArray:
        """The probability of a return below each value, shape of `value`; the inverse of `quantile`."""
        first, last = self.quantiles[0], self.quantiles[-1]
        inner = np.interp(value, self.quantiles, PROBABILITIES)
        below = PROBABILITIES[0] * np.exp(np.minimum(value - first, 0) / self._scale(0, 1))
        above = 1 - (1 - PROBABILITIES[-1]) * np.exp(np.minimum(last - value, 0) / self._scale(-2, -1))
        return np.where(value < first, below, np.where(value > last, above, inner))

    def _scale(self, lower: int, upper: int) -> float:
        """Mean excess of the exponential tail through the outermost two quantiles, whose chances are as 1 to 2."""
        return float(self.quantiles[upper] - self.quantiles[lower]) / float(np.log(2))


def forecast(
    horizon: int, centre: float, width: float, quantiles: FloatArray, *, extrapolating: bool = False
) -> Forecast:
    """Read a forecast from the distribution of `centre + width * Z`.

    Args:
        centre: expected return.
        width: positive, unit of Z, as a return.
        quantiles: shape (len(PROBABILITIES),), ascending: the quantiles of Z at PROBABILITIES.
    """
    lower, median, upper = centre + width * central(quantiles)
    probability_up = chance_of_rise(centre, width, quantiles, float(median))
    returns = tuple((centre + width * quantiles).tolist())
    return Forecast(horizon, float(median), float(lower), float(upper), probability_up, extrapolating, returns)


def central(quantiles: FloatArray) -> FloatArray:
    """Lower end, median and upper end of the central interval of Z, shape (3,); `quantiles` are as in `forecast`."""
    tail = (1 - INTERVAL_LEVEL) / 2
    return np.interp([tail, 0.5, 1 - tail], PROBABILITIES, quantiles)


def chance_of_rise(centre: float, width: float, quantiles: FloatArray, median: float) -> float:
    """The probability that `centre + width * Z` is above zero, on the side of one half that `median` is on."""
    probability_up = 1 - float(np.interp(-centre / width, quantiles, PROBABILITIES))
    return _agreeing(probability_up, median)


def quantile_table(residuals: FloatArray, horizon: int) -> FloatArray:
    """Quantiles of Z from past residuals, with tails of equal size on both sides.

    The absolute residuals above and below are pooled, which doubles the sample that the tails are estimated from, and
    their quantiles are averaged in logs with those of a normal variable of the same mean absolute value, whose error
    makes it Student's where few residuals are independent. Signs are then restored, with the share of rises drawn to
    one half by `sign_trust` of the horizon. An interval from the empirical part alone is that of split conformal
    prediction with a symmetric score, widened for the finite sample.

    Args:
        residuals: shape (n,), n at least 1, finite: (actual - centre) / width.
        horizon: sessions over which each residual arose.

    Returns:
        Shape (len(PROBABILITIES),), ascending.

    Source: Lei et al., "Distribution-Free Predictive Inference for Regression", 2018, section 2.2.
    """
    sizes, parameters = np.abs(residuals), HORIZONS[horizon]
    observed = _quantiles(np.sort(sizes), 1 + OVERLAP_WIDENING * horizon / sizes.size)
    normal = sizes.mean() * half_student(parameters.sessions_per_freedom / sizes.size)
    size = np.sqrt(np.maximum(observed, SMALLEST_RESIDUAL) * np.maximum(normal, SMALLEST_RESIDUAL))
    rises: float = 0.5 + parameters.sign_trust * (np.count_nonzero(residuals > 0) / residuals.size - 0.5)
    rises = min(max(rises, SMALLEST_SHARE), 1 - SMALLEST_SHARE)
    falls = 1 - rises
    below = -np.interp(1 - PROBABILITIES / falls, _SIZES, size)
    above = np.interp(1 - (1 - PROBABILITIES) / rises, _SIZES, size)
    return np.asarray(np.where(falls > PROBABILITIES, below, above))


def _quantiles(ascending: FloatArray, widening: float) -> FloatArray:
    """`numpy.quantile` to the last bit, of values that are sorted, at `_SIZES` times `widening`, 1 at most.

    Args:
        ascending: shape (n,), n at least 1, finite.
    """
    below, above, share = _places(ascending.size, widening)
    lower, upper = ascending[below], ascending[above]
    step = upper - lower
    return np.asarray(np.where(share < _HALF, lower + step * share, upper - step * (1 - share)))


@lru_cache(maxsize=MOST_REMEMBERED)
def _places(count: int, widening: float) -> "tuple[Places, Places, FloatArray]":
    """Between which two of so many sorted values each quantile lies, and how far from the lower one, 0 to 1."""
    place = (count - 1) * np.minimum(_SIZES * widening, 1)
    below = np.minimum(place.astype(np.intp), max(count - 2, 0))
    return _shared(below), _shared(np.minimum(below + 1, count - 1)), _shared(place - below)


@lru_cache(maxsize=MOST_REMEMBERED)
def half_student(spread: float) -> FloatArray:
    """Quantiles of the absolute value of a variable with Student's distribution, at 0, 1 … 99 and 99.5 percent.

    Args:
        spread: one over the degrees of freedom, taken as 1 / FEWEST_FREEDOMS at most; 0 for a normal variable.

    Returns:
        Shape (101,), ascending, in units of the mean absolute value that its scale was estimated from.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5.
    """
    spread = min(spread, 1 / FEWEST_FREEDOMS)
    first = (_NORMAL**3 + _NORMAL) / 4
    second = (5 * _NORMAL**5 + 16 * _NORMAL**3 + 3 * _NORMAL) / 96
    return _shared(np.asarray(_HALF_NORMAL + np.sqrt(np.pi / 2) * (first * spread + second * spread**2)))


def mixed(quantiles: FloatArray, chance: float, widening: float) -> FloatArray:
    """Quantiles of a variable that is `widening * Z` with probability `chance`, otherwise Z.

    Args:
        quantiles: shape (len(PROBABILITIES),), ascending, of Z.
        chance: 0 to 1.

    Returns:
        Shape (len(PROBABILITIES),), ascending.
    """
    if chance == 0:
        return quantiles
    wide = widening * quantiles
    values = np.sort(np.concatenate((quantiles, wide)))
    ordinary, widened = (np.interp(values, one, PROBABILITIES) for one in (quantiles, wide))
    return np.asarray(np.interp(PROBABILITIES, (1 - chance) * ordinary + chance * widened, values))


def _shared(array: Array) -> Array:
    """An array that nobody changes, since others are given the same one."""
    array.setflags(write=False)
    return array


def _agreeing(probability_up: float, median: float) -> float:
    """Move `probability_up` to the side of one half that `median` is on, where rounding put it on the other."""
    return max(probability_up, 0.5) if median >= 0 else min(probability_up, float(np.nextafter(0.5, 0)))
