"""Inputs from the date, and from isolated events a quarter ago.

Shapes are those of one series; of several side by side they have one axis more, before these.
"""

import numpy as np

from features.moves import Moves
from features.windows import moving_mean, trailing
from market.bars import FloatArray

FRIDAY, WEEKEND = 4, 3.0
# Weekday of 1970-01-01, a Thursday, counted from Monday.
EPOCH_WEEKDAY = 3

QUARTERS = (63, 126, 189)
# Sessions by which a quarterly event may come earlier or later.
TOLERANCE = 5
_NEARNESS = 1 - np.abs(np.arange(-TOLERANCE, TOLERANCE + 1)) / (TOLERANCE + 1)

# Sessions before an event that it is compared with.
REFERENCE = 20
# Bars without an event score: the comparison takes two means of REFERENCE sessions and the first gap.
UNSCORED = 2 * REFERENCE + 1


def days_ahead(moves: Moves, rows: int) -> FloatArray:
    """Calendar days until the next weekday, shape (rows,): 3 on a Friday, else 1.

    The next session itself would be the same to a day, but for holidays, and would need the exchange's calendar.
    """
    weekday = (moves.bars.session[..., -rows:].astype(np.int64) + EPOCH_WEEKDAY) % 7
    return np.where(weekday >= FRIDAY, WEEKEND, 1.0)


def echo(moves: Moves, rows: int) -> FloatArray:
    """Score of isolated events one, two and three quarters before the next session, shape (rows,), 0 to 1.

    Companies report quarterly, and the session after a report moves most in a quarter. For each quarter that the bars
    reach back to, the largest event score within TOLERANCE sessions, weighted by nearness; then the mean over those
    quarters, 0 without any.
    """
    event = isolated_events(moves)
    count = moves.count
    total, reached = np.zeros((*event.shape[:-1], rows)), np.zeros(rows)
    position = np.arange(count - rows, count)
    for quarter in QUARTERS:
        until = max(count - (quarter - 1 - TOLERANCE), 0)
        near = trailing(event[..., :until], 2 * TOLERANCE + 1, rows, fill=0.0) * _NEARNESS
        exists = position + 1 - quarter - TOLERANCE >= UNSCORED
        total += np.where(exists, np.max(near, axis=-1), 0.0)
        reached += exists
    return np.asarray(total / np.maximum(reached, 1))


def isolated_events(moves: Moves) -> FloatArray:
    """Event score of each session from its gap and volume, shape (n,), 0 to 1.

    The score grows with a gap and a volume above their means of the 20 sessions before, less four times the mean score
    of those sessions: reports come alone, crises in clusters.
    """
    blind = np.zeros((*moves.bars.close.shape[:-1], min(moves.count, UNSCORED)))
    if moves.count <= UNSCORED:
        return blind
    gap_sizes, log_volume = moves.gap_sizes[..., REFERENCE:], moves.log_volume[..., 1:]
    gap = gap_sizes / np.sqrt(np.maximum(_mean_before(moves.day_variance), 1e-8))
    surge = np.minimum(np.maximum(log_volume[..., REFERENCE:] - _mean_before(log_volume), 0), 1)
    score = np.tanh(np.minimum(np.maximum(gap - 0.5, 0), 3) * surge)
    score = np.where(np.isnan(score), 0.0, score)
    isolated = np.maximum(score[..., REFERENCE:] - 4 * _mean_before(score), 0)
    return np.concatenate((blind, isolated), axis=-1)


def _mean_before(values: FloatArray) -> FloatArray:
    """Mean of the REFERENCE values before each that has as many, shape (..., n - REFERENCE)."""
    return moving_mean(values[..., :-1], REFERENCE)
