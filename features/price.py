"""Indicators of price, volume and momentum: those of the service's first version.

Shapes are those of one series; of several side by side they have one axis more, before these.
"""

import numpy as np

from features.moves import Moves
from features.windows import exponential_weights, trailing, trailing_mean, weighted_sum
from market.bars import FloatArray

RSI_SESSIONS = 14
_RSI_WEIGHTS = exponential_weights(1 - 1 / RSI_SESSIONS)


def change(moves: Moves, sessions: int, rows: int) -> FloatArray:
    """Simple return of the close over `sessions` sessions, shape (rows,); 0.02 is 2 %."""
    window = trailing(moves.bars.close, sessions + 1, rows)
    return np.asarray((window[..., -1] - window[..., 0]) / window[..., 0])


def close_to_mean(moves: Moves, sessions: int, rows: int) -> FloatArray:
    """Close over its mean of the last `sessions` sessions, shape (rows,)."""
    return np.asarray(moves.bars.close[..., -rows:] / trailing_mean(moves.bars.close, sessions, rows))


def mean_to_mean(moves: Moves, short: int, long: int, rows: int) -> FloatArray:
    """Mean close of the last `short` sessions over that of the last `long`, shape (rows,)."""
    return trailing_mean(moves.bars.close, short, rows) / trailing_mean(moves.bars.close, long, rows)


def relative_strength(moves: Moves, rows: int) -> FloatArray:
    """Relative strength index over 14 sessions, 0 to 100, shape (rows,); 100 when there was no fall.

    Source: Wilder, "New Concepts in Technical Trading Systems", 1978, with his smoothing (decay 13/14).
    """
    steps = np.diff(moves.bars.close)
    rises = weighted_sum(np.maximum(steps, 0.0), _RSI_WEIGHTS, rows)
    falls = weighted_sum(np.maximum(-steps, 0.0), _RSI_WEIGHTS, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(falls == 0, 100.0, 100 - 100 / (1 + rises / falls))
    return _after(index, RSI_SESSIONS, moves.count)


def volume_to_mean(moves: Moves, sessions: int, rows: int) -> FloatArray:
    """Volume over its mean of the last `sessions` sessions, shape (rows,); 1 where nothing was traded."""
    mean = trailing_mean(moves.bars.volume, sessions, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0, 1.0, moves.bars.volume[..., -rows:] / mean)


def log_volume_surge(moves: Moves, sessions: int, rows: int) -> FloatArray:
    """Log of the volume less its mean over the last `sessions` sessions, shape (rows,)."""
    return moves.log_volume[..., -rows:] - trailing_mean(moves.log_volume, sessions, rows)


def high_low_range(moves: Moves, rows: int) -> FloatArray:
    """High less low over close, shape (rows,); 0.02 is 2 %."""
    return np.asarray((moves.bars.high[..., -rows:] - moves.bars.low[..., -rows:]) / moves.bars.close[..., -rows:])


def _after(values: FloatArray, first: int, count: int) -> FloatArray:
    """NaN for the rows that have fewer than `first` bars up to and with their own."""
    position = np.arange(count - values.shape[-1], count)
    return np.where(position + 1 < first, np.nan, values)
