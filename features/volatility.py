"""Indicators of the size of moves, relative to one level so that they have no units.

The level comes from a formula; a model learns only the correction to it, because a forest cannot extrapolate.
Shapes are those of one series; of several side by side they have one axis more, before these.
"""

import numpy as np

from configuration import HORIZONS
from features.moves import SMALLEST_VOLATILITY, Moves
from features.windows import WINDOW, exponential_weights, trailing, trailing_mean, weighted_sum
from market.bars import FloatArray

_WEIGHTS = {decay: exponential_weights(decay) for one in HORIZONS.values() for decay in one.volatility_decays}

# Moves are cut off at this many levels.
LARGEST_MOVE = 5.0


def volatility_level(moves: Moves, horizon: int, rows: int) -> FloatArray:
    """Daily volatility expected over `horizon` sessions by formula, shape (rows,); 0.02 is 2 %.

    The geometric mean of a fast and a slow exponential mean of the sessions' variances, as a standard deviation. NaN
    for a first bar, which has no night before it; never below SMALLEST_VOLATILITY.
    """
    means = [_exponential_mean(moves.day_variance, decay, rows) for decay in HORIZONS[horizon].volatility_decays]
    return np.asarray(np.maximum(np.sqrt(np.sqrt(means[0] * means[1])), SMALLEST_VOLATILITY))


def volatility(moves: Moves, sessions: int, rows: int) -> FloatArray:
    """Sample standard deviation of the last `sessions` daily returns, shape (rows,)."""
    return np.asarray(np.std(trailing(moves.returns, sessions, rows), axis=-1, ddof=1))


def log_range(moves: Moves, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the Garman-Klass volatility of the last `sessions` sessions over `level`, shape of `level`."""
    return _log_ratio(np.sqrt(trailing_mean(moves.garman_klass, sessions, level.shape[-1])), level)


def last_move(moves: Moves, level: FloatArray) -> FloatArray:
    """Size of the last return over `level`, shape of `level`, at most LARGEST_MOVE."""
    return np.minimum(_last(moves.sizes, level.shape[-1]) / level, LARGEST_MOVE)


def log_move(moves: Moves, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the mean size of the last `sessions` returns over `level`, shape of `level`."""
    return _log_ratio(trailing_mean(moves.sizes, sessions, level.shape[-1]), level)


def log_gap(moves: Moves, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the mean size of the last `sessions` overnight gaps over `level`, shape of `level`."""
    return _log_ratio(trailing_mean(moves.gap_sizes, sessions, level.shape[-1]), level)


def log_largest_move(moves: Moves, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the largest of the last `sessions` returns' sizes over `level`, shape of `level`."""
    return _log_ratio(np.max(trailing(moves.sizes, sessions, level.shape[-1]), axis=-1), level)


def loss(moves: Moves, sessions: int, level: FloatArray) -> FloatArray:
    """Return over the last `sessions` sessions in units of its usual size where it is a loss, else 0."""
    mean = trailing_mean(moves.returns, sessions, level.shape[-1])
    return np.asarray(np.clip(mean * np.sqrt(sessions) / level, -LARGEST_MOVE, 0))


def _exponential_mean(values: FloatArray, decay: float, rows: int) -> FloatArray:
    """Shape (rows,); NaN where there is no value yet. The weights of the last n values sum to 1 - decay ** n."""
    count = np.minimum(np.arange(values.shape[-1] - rows, values.shape[-1]) + 1, WINDOW - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(weighted_sum(values, _WEIGHTS[decay], rows) / (1 - decay**count))


def _last(values: FloatArray, rows: int) -> FloatArray:
    return trailing(values, 1, rows)[..., 0]


def _log_ratio(size: FloatArray, level: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(size, SMALLEST_VOLATILITY) / level))
