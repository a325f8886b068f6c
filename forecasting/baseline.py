"""The forecast that needs no training: what a model must beat, and what is served when none can be."""

from statistics import NormalDist

import numpy as np

from features import Moves, volatility_level
from forecasting.distribution import PROBABILITIES, Forecast, forecast, table
from market.bars import Bars, FloatArray

# Misses that shape the distribution: two years.
MEMORY = 504
# Fewer than this say too little about the tails, and those of the normal distribution stand in.
ENOUGH = 60
FEWEST_BARS = 2

NORMAL_QUANTILES: FloatArray = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])


def baseline_forecast(bars: Bars, horizon: int) -> Forecast:
    """No change, as wide as recent volatility says, shaped like the ticker's own last two years.

    The width is the volatility level times the square root of the horizon; Z are the past returns over `horizon`
    sessions in units of the width known before them.

    Args:
        bars: split-adjusted, at least FEWEST_BARS.

    Raises:
        ValueError: there are fewer bars.
    """
    if len(bars) < FEWEST_BARS:
        raise ValueError(f"{bars.ticker}: {len(bars)} session, but {FEWEST_BARS} are needed for any forecast")
    recent = bars[-(MEMORY + horizon + 1) :]
    width = volatility_level(Moves(recent), horizon, len(recent) - 1) * np.sqrt(horizon)
    misses = (recent.close[1 + horizon :] / recent.close[1:-horizon] - 1) / width[:-horizon]
    quantiles = table(misses, horizon) if misses.size >= ENOUGH else NORMAL_QUANTILES
    return forecast(horizon, 0.0, float(width[-1]), quantiles)
