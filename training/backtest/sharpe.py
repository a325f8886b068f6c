"""Sharpe ratios, and how much of one is left after so many were tried. All of them are per session."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from market.bars import FloatArray
from training.scoring.bootstrap import resampled_means

# Sessions resampled together: a month, because volatility comes in runs.
BLOCK = 21
NORMAL = NormalDist()


def sharpe_ratio(returns: FloatArray) -> float:
    """Mean return over its standard deviation, without interest on cash."""
    return float(returns.mean() / returns.std())


def sharpe_samples(returns: FloatArray) -> FloatArray:
    """Sharpe ratios of resampled series by circular block bootstrap; series of one length are resampled alike."""
    mean, square = resampled_means(returns, BLOCK), resampled_means(returns**2, BLOCK)
    return np.asarray(mean / np.sqrt(square - mean**2))


def expected_maximum(variance: float, trials: int) -> float:
    """The largest Sharpe ratio to expect of `trials` independent ones that are all worth nothing.

    Args:
        variance: of the Sharpe ratios that were tried.

    Source: Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", 2014, eq. 1.
    """
    if trials == 1:
        return 0.0
    first, second = (NORMAL.inv_cdf(1 - 1 / count) for count in (trials, trials * math.e))
    return math.sqrt(variance) * ((1 - np.euler_gamma) * first + np.euler_gamma * second)


@dataclass(frozen=True, slots=True)
class Moments:
    """Of n returns: their Sharpe ratio, skewness and kurtosis (3 for a normal variable)."""

    sessions: int
    sharpe: float
    skewness: float
    kurtosis: float

    @classmethod
    def of(cls, returns: FloatArray) -> "Moments":
        """Of these returns."""
        scaled = (returns - returns.mean()) / returns.std()
        return cls(returns.size, sharpe_ratio(returns), float((scaled**3).mean()), float((scaled**4).mean()))


def deflated(moments: Moments, threshold: float) -> float:
    """The probability that the true Sharpe ratio is above `threshold`, as `expected_maximum` gives it.

    Source: Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", 2014, eq. 2.
    """
    spread = 1 - moments.skewness * moments.sharpe + (moments.kurtosis - 1) / 4 * moments.sharpe**2
    return NORMAL.cdf((moments.sharpe - threshold) * math.sqrt(moments.sessions - 1) / math.sqrt(spread))
