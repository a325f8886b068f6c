"""Evidence against a supposed mean, observation by observation: the capital of somebody who bets against it.

Whoever starts with 1 and bets against what is true ever holds DECIDED or more with a probability of at most
1 / DECIDED, however long it goes on and whenever somebody looks. So one may look after each session and stop when it is
decided.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024, section 4.
"""

import numpy as np

from market.bars import FloatArray

# Capital at which a supposed mean is given up: 5 % of the true ones ever are.
DECIDED = 20.0
# Shares of the largest possible stake; the capital is divided evenly among them, since the best one is not known.
STAKES: FloatArray = np.array([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.95])
# Means that a confidence interval is chosen from.
CANDIDATES = 2001


def log_capital(values: FloatArray, mean: float, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Log of the capital after each value, of bets that the true mean is above `mean`, and of bets that it is below.

    Args:
        values: shape (..., n), between `low` and `high`, each independent of the past but for its mean.
        mean: supposed, between `low` and `high`, both excluded.

    Returns:
        Two arrays of shape (..., n).
    """
    above, below = 1 / (mean - low), 1 / (high - mean)
    moves = values - mean
    return _mixed(moves * above), _mixed(-moves * below)


def evidence(
    values: FloatArray, mean: float, low: float, high: float, horizon: int = 1, *, tests: int = 1
) -> FloatArray:
    """Evidence against `mean` on either side, after each value; DECIDED or more settles it.

    Outcomes over h sessions overlap, so that only every h-th follows from nothing that the one before it held. Each of
    these h subsequences has bets of its own, and the richest one, divided by h, speaks for all: by the union bound the
    probability that it ever holds DECIDED stays at most 1 / DECIDED.

    Args:
        values: shape (n,), between `low` and `high`, in order.
        horizon: h.
        tests: made side by side, which share the probability of an error among them.

    Returns:
        Shape (n,).

    Source: Choe and Ramdas, "Comparing Sequential Forecasters", 2024, on forecasts that lie further ahead.
    """
    found = np.ones((horizon, values.size))
    for offset in range(horizon):
        places = np.arange(offset, values.size, horizon)
        capital = np.exp(_two_sided(values[places], mean, low, high))
        for start, held in zip(places, capital, strict=True):
            found[offset, start:] = held
    return np.asarray(found.max(axis=0) / (horizon * tests))


def confidence_interval(
    values: FloatArray, low: float, high: float, horizon: int = 1, *, tests: int = 1
) -> tuple[float, float]:
    """The means that the evidence does not settle against; at any time it holds the true one with 95 %.

    Args:
        values: shape (n,), n at least 1, between `low` and `high`.
        horizon, tests: as in `evidence`.
    """
    candidates = np.linspace(low, high, CANDIDATES)[1:-1]
    kept = np.full(candidates.size, -np.inf)
    for offset in range(horizon):
        kept = np.maximum(kept, _last_capital(values[offset::horizon], candidates, low, high))
    inside = candidates[kept < np.log(DECIDED * horizon * tests)]
    return (float(inside[0]), float(inside[-1])) if inside.size else (float(np.mean(values)),) * 2


def _two_sided(values: FloatArray, mean: float, low: float, high: float) -> FloatArray:
    return np.asarray(np.logaddexp(*log_capital(values, mean, low, high)) - np.log(2))


def _last_capital(values: FloatArray, means: FloatArray, low: float, high: float) -> FloatArray:
    """Log of the two-sided capital at the end for each supposed mean, shape (m,)."""
    moves = values[np.newaxis] - means[:, np.newaxis]
    sides = (moves / (means - low)[:, np.newaxis], -moves / (high - means)[:, np.newaxis])
    logs = [np.log1p(stake * side).sum(axis=1) for side in sides for stake in STAKES]
    return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)))


def _mixed(gains: FloatArray) -> FloatArray:
    """Log of the mean capital over STAKES, whose gain is `gains` for a stake of 1."""
    logs = [np.cumsum(np.log1p(stake * gains), axis=-1) for stake in STAKES]
    return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(STAKES.size))
