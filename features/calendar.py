"""Inputs that come from the date and from what happened a quarter ago.

Shapes are those of one series; of several side by side they have one axis more, before these.
"""

import numpy as np

from features.moves import Moves
from features.windows import moving_mean, trailing
from market.bars import FloatArray

FRIDAY, WEEKEND = 4, 3.0
# Where 1970-01-01 stands in a week that begins on Monday.
EPOCH_WEEKDAY = 3

QUARTERS = (63, 126, 189)
# Sessions by which a quarterly event may come earlier or later.
SLACK = 5
_NEARNESS = 1 - np.abs(np.arange(-SLACK, SLACK + 1)) / (SLACK + 1)

USUAL = 20
# Bars before which an event cannot be told from its neighbourhood: twice USUAL, and one for the first gap.
BLIND = 2 * USUAL + 1


def days_ahead(moves: Moves, rows: int) -> FloatArray:
    """Calendar days until the next weekday, shape (rows,): 3 on a Friday, else 1.

    The next session itself would be the same to a day, but for holidays, and would need the exchange's calendar.
    """
    weekday = (moves.bars.session[..., -rows:].astype(np.int64) + EPOCH_WEEKDAY) % 7
    return np.where(weekday >= FRIDAY, WEEKEND, 1.0)


def echo(moves: Moves, rows: int) -> FloatArray:
    """How much an event stood out one, two and three quarters before the next session, shape (rows,), 0 to 1.

    Companies report quarterly, and the session after a report moves most in a quarter. The mean, over the quarters that
    the bars reach back to, of the most striking event within SLACK sessions, nearer ones counting more; 0 where they
    reach back to none.
    """
    event = isolated_events(moves)
    count = moves.count
    total, reached = np.zeros((*event.shape[:-1], rows)), np.zeros(rows)
    position = np.arange(count - rows, count)
    for quarter in QUARTERS:
        until = max(count - (quarter - 1 - SLACK), 0)
        near = trailing(event[..., :until], 2 * SLACK + 1, rows, fill=0.0) * _NEARNESS
        exists = position + 1 - quarter - SLACK >= BLIND
        total += np.where(exists, np.max(near, axis=-1), 0.0)
        reached += exists
    return np.asarray(total / np.maximum(reached, 1))


def isolated_events(moves: Moves) -> FloatArray:
    """How much each session stands out by its gap and volume, shape (n,), 0 to 1.

    A gap larger than usual on a volume larger than usual counts, less four times the usual such score of the 20
    sessions before: reports come alone, crises in clusters.
    """
    blind = np.zeros((*moves.bars.close.shape[:-1], min(moves.count, BLIND)))
    if moves.count <= BLIND:
        return blind
    gap = moves.gap_sizes / np.sqrt(np.maximum(_usual(moves.day_variance), 1e-8))
    surge = np.clip(moves.log_volume[..., 1:] - _usual(moves.log_volume[..., 1:]), 0, 1)
    score = np.nan_to_num(np.tanh(np.clip(gap - 0.5, 0, 3) * surge))
    isolated = np.maximum(score - 4 * np.nan_to_num(_usual(score)), 0)
    return np.concatenate((blind, isolated[..., BLIND - 1 :]), axis=-1)


def _usual(values: FloatArray) -> FloatArray:
    """Mean of the USUAL values before each, shape of `values`; NaN where there are fewer."""
    unknown = np.full((*values.shape[:-1], USUAL), np.nan)
    return np.concatenate((unknown, moving_mean(values[..., :-1], USUAL)), axis=-1)
