"""How good value at risk was: quantile loss, and tests of how often and how close together it was exceeded."""

import math

import numpy as np

from forecasting.reports.schedule import BoolArray
from market.bars import FloatArray


def quantile_loss(quantile: FloatArray, actual: FloatArray, probability: float) -> float:
    """Mean pinball loss of a quantile, in the units of `actual`; lower is better.

    Source: Koenker and Bassett, "Regression Quantiles", 1978.
    """
    below = actual < quantile
    return float(np.mean((probability - below) * (actual - quantile)))


def kupiec(exceeded: BoolArray, probability: float) -> float:
    """P-value of the hypothesis that value at risk is exceeded with `probability`, shape of `exceeded` (n,).

    Source: Kupiec, "Techniques for Verifying the Accuracy of Risk Measurement Models", 1995.
    """
    count, hits = exceeded.size, int(np.sum(exceeded))
    ratio = _log_likelihood(count, hits, hits / count) - _log_likelihood(count, hits, probability)
    return math.erfc(math.sqrt(max(ratio, 0.0)))


def christoffersen(exceeded: BoolArray) -> float:
    """P-value of the hypothesis that exceedances are independent of the session before.

    Source: Christoffersen, "Evaluating Interval Forecasts", 1998.
    """
    before, now = exceeded[:-1], exceeded[1:]
    groups = [now[before == state] for state in (False, True)]
    separate = sum(_log_likelihood(one.size, int(one.sum()), float(one.mean())) for one in groups if one.size)
    together = _log_likelihood(now.size, int(now.sum()), float(now.mean()))
    return math.erfc(math.sqrt(max(separate - together, 0.0)))


def _log_likelihood(count: int, hits: int, probability: float) -> float:
    """Of `hits` in `count` independent trials; 0 log 0 is 0."""
    misses = count - hits
    hit = hits * math.log(probability) if hits else 0.0
    return hit + (misses * math.log(1 - probability) if misses else 0.0)
