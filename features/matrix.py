"""The feature matrix: one row per session, one column per name, float32."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from features import calendar, price, volatility
from features.moves import Moves
from features.panel import Panel
from features.windows import WINDOW
from market.bars import Bars, FloatArray

# Raised with every change of a number in the matrix; a model serves on features of its own version alone.
VERSION = 1

FeatureMatrix = NDArray[np.float32]
Column = Callable[[Moves, FloatArray], FloatArray]

# Each is given the bars and the volatility level of the wanted rows. The order is the models' input order.
_PRICE: dict[str, Column] = {
    "change_1": lambda moves, level: price.change(moves, 1, level.shape[-1]),
    "change_5": lambda moves, level: price.change(moves, 5, level.shape[-1]),
    "close_to_mean_5": lambda moves, level: price.close_to_mean(moves, 5, level.shape[-1]),
    "close_to_mean_20": lambda moves, level: price.close_to_mean(moves, 20, level.shape[-1]),
    "mean_5_to_mean_20": lambda moves, level: price.mean_to_mean(moves, 5, 20, level.shape[-1]),
    "rsi_14": lambda moves, level: price.relative_strength(moves, level.shape[-1]),
    "volume_to_mean_20": lambda moves, level: price.volume_to_mean(moves, 20, level.shape[-1]),
    "volatility_20": lambda moves, level: volatility.volatility(moves, 20, level.shape[-1]),
    "high_low_range": lambda moves, level: price.high_low_range(moves, level.shape[-1]),
}
_WIDTH: dict[str, Column] = {
    "log_range_1": lambda moves, level: volatility.log_range(moves, 1, level),
    "log_range_5": lambda moves, level: volatility.log_range(moves, 5, level),
    "log_range_22": lambda moves, level: volatility.log_range(moves, 22, level),
    "last_move": volatility.last_move,
    "log_move_5": lambda moves, level: volatility.log_move(moves, 5, level),
    "log_move_22": lambda moves, level: volatility.log_move(moves, 22, level),
    "log_move_66": lambda moves, level: volatility.log_move(moves, 66, level),
    "log_gap_5": lambda moves, level: volatility.log_gap(moves, 5, level),
    "log_gap_22": lambda moves, level: volatility.log_gap(moves, 22, level),
    "loss_1": lambda moves, level: volatility.loss(moves, 1, level),
    "loss_5": lambda moves, level: volatility.loss(moves, 5, level),
    "log_volume_surge": lambda moves, level: price.log_volume_surge(moves, 20, level.shape[-1]),
    "log_largest_move_22": lambda moves, level: volatility.log_largest_move(moves, 22, level),
    "days_ahead": lambda moves, level: calendar.days_ahead(moves, level.shape[-1]),
    "echo": lambda moves, level: calendar.echo(moves, level.shape[-1]),
}
COLUMNS = _PRICE | _WIDTH
NAMES = tuple(COLUMNS)
# Positions in NAMES of the inputs of the expected return, and of those of the width.
PRICE_INPUTS = tuple(range(len(_PRICE)))
WIDTH_INPUTS = tuple(range(len(_PRICE), len(COLUMNS)))
ECHO = NAMES.index("echo")

# The longest input takes 66 returns, so the first complete row is the 67th.
WARM_UP = 66


def features(bars: Bars, horizon: int, rows: int | None = None) -> FeatureMatrix:
    """The inputs of `features_and_level` alone, shape (rows, len(NAMES))."""
    return features_and_level(bars, horizon, rows)[0]


def features_and_level(bars: Bars, horizon: int, rows: int | None = None) -> tuple[FeatureMatrix, FloatArray]:
    """Inputs of the models for the last `rows` sessions of `bars`, and the level they are relative to.

    Row t depends on the bars t - WINDOW + 1 to t and on nothing else, so the last row of the last WINDOW bars is the
    last row of a whole history, bit for bit.

    Args:
        bars: split-adjusted, n sessions.
        horizon: sessions ahead, which decides the level.
        rows: at least 1, at most n; all n without it.

    Returns:
        Inputs of shape (rows, len(NAMES)), float32, and the daily volatility level of shape (rows,), 0.02 is 2 %. NaN
        where a row among the first WARM_UP of a series has too short a past.
    """
    rows = len(bars) if rows is None else rows
    return _computed(Moves(bars[-(rows + WINDOW - 1) :]), horizon, rows)


def latest(series: Sequence[Bars], horizon: int) -> tuple[FeatureMatrix, FloatArray]:
    """The last row of `features_and_level` for each of several series, bit for bit, at a fraction of the cost.

    Args:
        series: each split-adjusted and of any length; s of them.
        horizon: sessions ahead, which decides the level.

    Returns:
        Inputs of shape (s, len(NAMES)), float32, and the level of shape (s,).
    """
    inputs, level = np.empty((len(series), len(COLUMNS)), dtype=np.float32), np.empty(len(series))
    by_length: dict[int, list[int]] = {}
    for index, bars in enumerate(series):
        by_length.setdefault(min(len(bars), WINDOW), []).append(index)
    for indices in by_length.values():
        panel = Panel.of([_recent(series[index]) for index in indices])
        found, found_level = _computed(Moves(panel), horizon, rows=1)
        inputs[indices], level[indices] = found[:, 0], found_level[:, 0]
    return inputs, level


def _recent(bars: Bars) -> Bars:
    return bars if len(bars) <= WINDOW else bars[-WINDOW:]


def _computed(moves: Moves, horizon: int, rows: int) -> tuple[FeatureMatrix, FloatArray]:
    level = volatility.volatility_level(moves, horizon, rows)
    matrix = np.stack([column(moves, level) for column in COLUMNS.values()], axis=-1).astype(np.float32)
    return matrix, level
