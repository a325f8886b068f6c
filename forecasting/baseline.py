"""The forecast that needs no training: what a model must beat, and what is served when none can be."""

from statistics import NormalDist

import numpy as np

from features import volatility_level
from forecasting.distribution import PROBABILITIES, Forecast, forecast, table
from market.bars import Bars, FloatArray

# Misses that shape the distribution: two years.
MEMORY = 504
# Fewer than this say too little about the tails, and those of the normal distribution stand in.
ENOUGH = 60


def baseline_forecast(bars: Bars, horizon: int) -> Forecast:
    """No change, as wide as recent volatility says, shaped like the ticker's own last two years.

    The width is the exponentially weighted volatility times the square root of the horizon; Z are the past returns
    over `horizon` sessions in units of the width known before them.

    Args:
        bars: split-adjusted, at least 2.

    Raises:
        ValueError: there are fewer than 2 bars.
    """
    if len(bars) < 2:  # noqa: PLR2004  # one return needs two closes
        raise ValueError(f"{bars.ticker}: {len(bars)} session, but 2 are needed for any forecast")
    recent = bars[-(MEMORY + horizon + 1) :]
    width = volatility_level(recent, len(recent) - 1) * np.sqrt(horizon)
    samples = (recent.close[1 + horizon :] / recent.close[1:-horizon] - 1) / width[:-horizon]
    quantiles = table(samples) if samples.size >= ENOUGH else NORMAL_QUANTILES
    return forecast(horizon, 0.0, float(width[-1]), quantiles)


NORMAL_QUANTILES: FloatArray = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])
