"""The distribution that every forecast is read from: a centre, a width, and a table of quantiles."""

from dataclasses import dataclass

import numpy as np

from market.bars import FloatArray

INTERVAL_LEVEL = 0.9

# Where the quantiles of a table stand: every percent, and finer towards the ends, which carry the interval.
PROBABILITIES: FloatArray = np.concatenate(
    ([0.0025, 0.005], np.arange(1, 100) / 100, [0.995, 0.9975]),
)
PROBABILITIES.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will happen to the close over `horizon` sessions, as simple returns (0.02 is 2 %).

    Attributes:
        median: as likely above as below.
        lower, upper: ends of the central interval of INTERVAL_LEVEL.
        probability_up: that the return is above zero; at least 0.5 exactly when `median` is not negative.
    """

    horizon: int
    median: float
    lower: float
    upper: float
    probability_up: float


def forecast(horizon: int, centre: float, width: float, quantiles: FloatArray) -> Forecast:
    """Read a forecast from the distribution of `centre + width * Z`.

    Args:
        centre: expected return.
        width: positive, unit of Z, as a return.
        quantiles: shape (len(PROBABILITIES),), ascending: the quantiles of Z at PROBABILITIES.
    """
    tail = (1 - INTERVAL_LEVEL) / 2
    lower, median, upper = centre + width * np.interp([tail, 0.5, 1 - tail], PROBABILITIES, quantiles)
    probability_up = 1 - float(np.interp(-centre / width, quantiles, PROBABILITIES))
    return Forecast(horizon, float(median), float(lower), float(upper), _agreeing(probability_up, float(median)))


def table(samples: FloatArray) -> FloatArray:
    """Quantiles of Z from observed values of it, widened for their small number as conformal prediction asks.

    Args:
        samples: shape (n,), n at least 1, finite.

    Returns:
        Shape (len(PROBABILITIES),), ascending. With n samples the quantile at p below one half is the one at
        p - (1 - 2 p) / (2 n), mirrored above it, so that an interval holds the next value with at least its level.

    Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005, section 2.2.
    """
    widened = PROBABILITIES + (2 * PROBABILITIES - 1) / (2 * samples.size)
    return np.asarray(np.quantile(samples, np.clip(widened, 0, 1)))


def _agreeing(probability_up: float, median: float) -> float:
    """The probability, kept on the side of one half that the median is on when rounding says otherwise."""
    return max(probability_up, 0.5) if median >= 0 else min(probability_up, np.nextafter(0.5, 0))
