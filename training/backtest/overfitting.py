"""How often the strategy that was best in one half of the past is below the median in the other."""

from itertools import combinations

import numpy as np

from market.bars import FloatArray

BLOCKS = 16
# As a share of the ranks.
MEDIAN = 0.5


def probability_of_overfitting(returns: FloatArray) -> float:
    """By combinatorially symmetric cross-validation: all ways to divide BLOCKS blocks of sessions into two halves.

    Args:
        returns: shape (n, s), of s strategies on n sessions, at least BLOCKS; the oldest that fill no block are left
            out.

    Source: Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting", 2015.
    """
    length = len(returns) // BLOCKS
    blocks = returns[len(returns) - length * BLOCKS :].reshape(BLOCKS, length, -1)
    sums, squares = blocks.sum(axis=1), (blocks**2).sum(axis=1)
    chosen = np.zeros((len(HALVES), BLOCKS))
    np.put_along_axis(chosen, HALVES, 1.0, axis=1)
    best = _sharpe(chosen @ sums, chosen @ squares, length).argmax(axis=1)
    outside = _sharpe((1 - chosen) @ sums, (1 - chosen) @ squares, length)
    own = np.take_along_axis(outside, best[:, np.newaxis], axis=1)
    rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1) / 2
    return float(np.mean(rank / (returns.shape[1] + 1) <= MEDIAN))


HALVES = np.array(list(combinations(range(BLOCKS), BLOCKS // 2)))


def _sharpe(sums: FloatArray, squares: FloatArray, length: int) -> FloatArray:
    count = length * BLOCKS // 2
    mean = sums / count
    return np.asarray(mean / np.sqrt(np.maximum(squares / count - mean**2, 1e-18)))
