"""What happened on each of the last sessions, for models that read a sequence and not only indicators of it."""

import numpy as np

from features.matrix import FeatureMatrix
from features.moves import SMALLEST_VOLATILITY, Moves
from features.volatility import LARGEST_MOVE
from features.windows import WINDOW, trailing
from market.bars import Bars, FloatArray

# Sessions that a row reaches back over at most; a model may take fewer.
SESSIONS = 60
# Of each session, in this order: its return, the log of its volatility, and its gap, all over the level of the row.
NAMES = ("move", "log_day_volatility", "gap")


def sequences(moves: Moves, level: FloatArray) -> FeatureMatrix:
    """The last SESSIONS sessions up to each row, relative to the volatility level of the row.

    Args:
        level: shape (..., rows), of the wanted rows, which are the last ones.

    Returns:
        Shape (..., rows, SESSIONS * len(NAMES)), float32, session by session, the oldest first; NaN where there are too
        few bars before a row.
    """
    rows, scale = level.shape[-1], level[..., np.newaxis]
    volatility = np.log(np.maximum(np.sqrt(moves.day_variance), SMALLEST_VOLATILITY))
    columns = (
        np.clip(trailing(moves.returns, SESSIONS, rows) / scale, -LARGEST_MOVE, LARGEST_MOVE),
        trailing(volatility, SESSIONS, rows) - np.log(scale),
        np.minimum(trailing(moves.gap_sizes, SESSIONS, rows) / scale, LARGEST_MOVE),
    )
    joined = np.stack(columns, axis=-1).astype(np.float32)
    return joined.reshape(*level.shape, SESSIONS * len(NAMES))


def model_inputs(inputs: FeatureMatrix, sequence: FeatureMatrix, sessions: int) -> FeatureMatrix:
    """What a model takes: the inputs, and after them the sequence's last sessions.

    Args:
        inputs: shape (n, k).
        sequence: shape (n, SESSIONS * len(NAMES)).
        sessions: that the model reads; with 0 it takes the inputs alone, as they are.

    Returns:
        Shape (n, width(k, sessions)).
    """
    if not sessions:
        return inputs
    return np.concatenate((inputs, sequence[:, -sessions * len(NAMES) :]), axis=1)


def latest_model_inputs(bars: Bars, inputs: FeatureMatrix, level: float, sessions: int) -> FeatureMatrix:
    """What a model takes for the last session of `bars`, shape (width(k, sessions),).

    Args:
        inputs: shape (k,), of that session.
        level: volatility level of that session.
        sessions: that the model reads.
    """
    if not sessions:
        return inputs
    sequence = sequences(Moves(bars[-WINDOW:]), np.array([level]))
    return np.asarray(model_inputs(inputs[np.newaxis], sequence, sessions)[0])


def width(inputs: int, sessions: int) -> int:
    """Number of columns that a model takes."""
    return inputs + sessions * len(NAMES)
