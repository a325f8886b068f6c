"""Trailing windows over series; every indicator is a reduction of one.

Time is the last axis; the axes before it hold several series side by side. A row is always reduced along contiguous
memory, so it is the same to the last bit whether it is computed alone, among thousands, or with other series.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from market.bars import FloatArray

# Bars that one row may look back over, itself included. Long enough that a mean with a half-life of 11 sessions no
# longer depends on where the series starts (0.94 ** 249 is 2e-7).
WINDOW = 250


def trailing(values: FloatArray, length: int, rows: int, fill: float = np.nan) -> FloatArray:
    """The last `length` values up to each of the last `rows` positions.

    Args:
        values: shape (..., n), ascending in time.
        length: of each window, at least 1.
        rows: number of positions, at most n.
        fill: stands for what lies before the first value.

    Returns:
        Shape (..., rows, length), oldest value first.
    """
    needed = rows + length - 1
    if values.shape[-1] < needed:
        values = np.concatenate((np.full((*values.shape[:-1], needed - values.shape[-1]), fill), values), axis=-1)
    tail = values[..., values.shape[-1] - needed :]
    if rows == 1:
        return tail[..., np.newaxis, :]
    return np.ascontiguousarray(sliding_window_view(tail, length, axis=-1))


def trailing_mean(values: FloatArray, length: int, rows: int) -> FloatArray:
    """Mean of the last `length` values, shape (..., rows); NaN where there are fewer."""
    return np.asarray(np.add.reduce(trailing(values, length, rows), axis=-1) / length)


def moving_mean(values: FloatArray, length: int) -> FloatArray:
    """Mean of each `length` neighbours, at least 1 and at most n of them, shape (..., n - length + 1).

    Sums of 1, 2, 4, ... neighbours are added up, always in the same order, so that many overlapping windows take
    log2(length) passes over the series, and each is the same to the last bit wherever the series begins.
    """
    sums, width = values, 1
    total, covered = np.zeros_like(values), 0
    while True:
        if length & width:
            count = values.shape[-1] - covered - width + 1
            total = total[..., :count] + sums[..., covered : covered + count]
            covered += width
        if covered == length:
            return np.asarray(total / length)
        sums, width = sums[..., :-width] + sums[..., width:], 2 * width


def weighted_sum(values: FloatArray, weights: FloatArray, rows: int) -> FloatArray:
    """Sum of the last values times `weights` (newest last), shape (..., rows); what is missing counts as zero."""
    return np.asarray(np.add.reduce(trailing(values, weights.size, rows, fill=0.0) * weights, axis=-1))


def exponential_weights(decay: float) -> FloatArray:
    """Weights of an exponential mean over the changes within one WINDOW.

    Args:
        decay: of the weight from one session to the one before, between 0 and 1.

    Returns:
        Shape (WINDOW - 1,), newest last; they sum to 1 - decay ** (WINDOW - 1).
    """
    age = np.arange(WINDOW - 2, -1, -1)
    return np.asarray((1 - decay) * decay**age)
