"""The forecast that needs no training: what a model must beat, and what is served without one."""

from statistics import NormalDist

import numpy as np

from features import Moves, volatility_level
from forecasting.distribution import PROBABILITIES, Forecast, forecast, quantile_table
from market.bars import Bars, FloatArray, SessionArray

# Residuals that the distribution is estimated from, at most: two years.
LARGEST_SAMPLE = 504
# From fewer the tails cannot be estimated, and those of the normal distribution stand in.
SMALLEST_SAMPLE = 60
FEWEST_BARS = 2

NORMAL_QUANTILES: FloatArray = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])


def baseline_forecast(bars: Bars, horizon: int) -> Forecast:
    """Forecast no change, with a width from recent volatility and quantiles from the ticker's last two years.

    The width is the volatility level times the square root of the horizon; Z is the past return over `horizon`
    sessions in units of the width known before it.

    Args:
        bars: split-adjusted, at least FEWEST_BARS.

    Raises:
        ValueError: there are fewer bars.
    """
    if len(bars) < FEWEST_BARS:
        raise ValueError(f"{bars.ticker}: {len(bars)} session, but {FEWEST_BARS} are needed for any forecast")
    recent = bars[-(LARGEST_SAMPLE + horizon + 1) :]
    width = _widths(recent, horizon)
    residuals = _residuals(recent, horizon, width)
    quantiles = quantile_table(residuals, horizon) if residuals.size >= SMALLEST_SAMPLE else NORMAL_QUANTILES
    return forecast(horizon, 0.0, float(width[-1]), quantiles)


def past_misses(bars: Bars, horizon: int) -> tuple[SessionArray, FloatArray]:
    """The last returns over `horizon` sessions in units of the width known before them, with their made-on sessions.

    Args:
        bars: split-adjusted.

    Returns:
        Two arrays of one shape, of at most LARGEST_SAMPLE; empty where there are too few bars.
    """
    if len(bars) < horizon + FEWEST_BARS:
        return bars.session[:0], np.empty(0)
    recent = bars[-(LARGEST_SAMPLE + horizon + 1) :]
    return recent.session[1:-horizon], _residuals(recent, horizon, _widths(recent, horizon))


def _widths(recent: Bars, horizon: int) -> FloatArray:
    """Of every session but the first."""
    return np.asarray(volatility_level(Moves(recent), horizon, len(recent) - 1) * np.sqrt(horizon))


def _residuals(recent: Bars, horizon: int, width: FloatArray) -> FloatArray:
    return np.asarray((recent.close[1 + horizon :] / recent.close[1:-horizon] - 1) / width[:-horizon])
