"""The feature matrix: one row per session, one column per name, float32."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features import price, volatility
from features.windows import WINDOW
from market.bars import Bars, FloatArray

FeatureMatrix = NDArray[np.float32]
Column = Callable[[Bars, FloatArray], FloatArray]

# Each is given the bars and the volatility level of the wanted rows. The order is the models' input order.
COLUMNS: dict[str, Column] = {
    "change_1": lambda bars, level: price.change(bars, 1, level.size),
    "change_5": lambda bars, level: price.change(bars, 5, level.size),
    "close_to_mean_5": lambda bars, level: price.close_to_mean(bars, 5, level.size),
    "close_to_mean_20": lambda bars, level: price.close_to_mean(bars, 20, level.size),
    "mean_5_to_mean_20": lambda bars, level: price.mean_to_mean(bars, 5, 20, level.size),
    "rsi_14": lambda bars, level: price.relative_strength(bars, level.size),
    "volume_to_mean_20": lambda bars, level: price.volume_to_mean(bars, 20, level.size),
    "volatility_20": lambda bars, level: volatility.volatility(bars, 20, level.size),
    "high_low_range": lambda bars, level: price.high_low_range(bars, level.size),
    "log_range_1": lambda bars, level: volatility.log_range(bars, 1, level),
    "log_range_5": lambda bars, level: volatility.log_range(bars, 5, level),
    "log_range_22": lambda bars, level: volatility.log_range(bars, 22, level),
    "log_absolute_return_1": lambda bars, level: volatility.log_absolute_return(bars, 1, level),
    "log_absolute_return_5": lambda bars, level: volatility.log_absolute_return(bars, 5, level),
    "log_absolute_return_22": lambda bars, level: volatility.log_absolute_return(bars, 22, level),
    "log_absolute_return_66": lambda bars, level: volatility.log_absolute_return(bars, 66, level),
    "overnight_gap_1": lambda bars, level: volatility.overnight_gap(bars, 1, level),
    "overnight_gap_22": lambda bars, level: volatility.overnight_gap(bars, 22, level),
    "recent_loss_5": lambda bars, level: volatility.recent_loss(bars, 5, level),
    "recent_loss_22": lambda bars, level: volatility.recent_loss(bars, 22, level),
}
NAMES = tuple(COLUMNS)

# The longest input looks at 66 returns, so the first row without a gap is the 67th.
WARM_UP = 66


def features(bars: Bars, rows: int | None = None) -> FeatureMatrix:
    """Inputs of the models for the last `rows` sessions of `bars`; all of them without `rows`.

    Row t depends on the bars t - WINDOW + 1 to t and on nothing else, so `features(bars, 1)` on the last WINDOW bars is
    the last row of the matrix of a whole history, bit for bit.

    Args:
        bars: split-adjusted, n sessions.
        rows: at least 1, at most n.

    Returns:
        Shape (rows, len(NAMES)), float32; NaN where a row among the first WARM_UP of a series has too short a past.
    """
    rows = len(bars) if rows is None else rows
    bars = bars[-(rows + WINDOW - 1) :]
    level = volatility.volatility_level(bars, rows)
    return np.stack([column(bars, level) for column in COLUMNS.values()], axis=1).astype(np.float32)
