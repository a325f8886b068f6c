"""Indicators of how far the price moves, most of them relative to one level so that they have no units."""

import numpy as np

from features.windows import exponential_weights, trailing, trailing_mean, weighted_sum
from market.bars import Bars, FloatArray

DECAY = 0.94
_WEIGHTS = exponential_weights(DECAY)
# Standard deviation of a session that did not move at all: a twentieth of a cent on a 5 dollar share.
STILLNESS = 1e-4


def returns(bars: Bars) -> FloatArray:
    """Simple returns from close to close, shape (n - 1,)."""
    return np.asarray(np.diff(bars.close) / bars.close[:-1])


def volatility_level(bars: Bars, rows: int) -> FloatArray:
    """Exponentially weighted standard deviation of daily returns around zero, shape (rows,); 0.02 is 2 %.

    NaN for a first bar, which has no return; never below `STILLNESS`.

    Source: J.P. Morgan, "RiskMetrics Technical Document", 1996, section 5.2, decay 0.94.
    """
    squares = returns(bars) ** 2
    weight = weighted_sum(np.ones_like(squares), _WEIGHTS, rows)
    with np.errstate(invalid="ignore"):
        variance = weighted_sum(squares, _WEIGHTS, rows) / weight
    return np.maximum(np.sqrt(variance), STILLNESS)


def volatility(bars: Bars, sessions: int, rows: int) -> FloatArray:
    """Sample standard deviation of the last `sessions` daily returns, shape (rows,)."""
    window = trailing(returns(bars), sessions, rows)
    return np.asarray(np.std(window, axis=1, ddof=1))


def garman_klass(bars: Bars) -> FloatArray:
    """Variance of one session from its open, high, low and close, shape (n,), not negative.

    Source: Garman and Klass, "On the Estimation of Security Price Volatilities from Historical Data", 1980, eq. 20.
    """
    span, body = np.log(bars.high / bars.low), np.log(bars.close / bars.open)
    return np.maximum(0.5 * span**2 - (2 * np.log(2) - 1) * body**2, 0.0)


def log_range(bars: Bars, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the Garman-Klass volatility of the last `sessions` sessions over `level`, shape of `level`."""
    mean = trailing_mean(garman_klass(bars), sessions, level.size)
    return _log_ratio(np.sqrt(mean), level)


def log_absolute_return(bars: Bars, sessions: int, level: FloatArray) -> FloatArray:
    """Log of the mean absolute return of the last `sessions` sessions over `level`, shape of `level`."""
    return _log_ratio(trailing_mean(np.abs(returns(bars)), sessions, level.size), level)


def overnight_gap(bars: Bars, sessions: int, level: FloatArray) -> FloatArray:
    """Mean absolute move from close to next open over the last `sessions` sessions over `level`, shape of `level`."""
    gaps = np.abs(bars.open[1:] / bars.close[:-1] - 1)
    return trailing_mean(gaps, sessions, level.size) / level


def recent_loss(bars: Bars, sessions: int, level: FloatArray) -> FloatArray:
    """Mean of the negative returns of the last `sessions` sessions (rises count as zero) over `level`."""
    return trailing_mean(np.minimum(returns(bars), 0.0), sessions, level.size) / level


def _log_ratio(size: FloatArray, level: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(size, STILLNESS) / level))
