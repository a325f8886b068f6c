"""How far the mean of a serially dependent series may be off."""

import numpy as np

from market.bars import FloatArray

RESAMPLES = 2000


def resampled_means(values: FloatArray, block: int) -> FloatArray:
    """Means of RESAMPLES resampled series, by circular block bootstrap; the same values give the same means.

    Args:
        values: shape (n,), n at least 1.
        block: values resampled together, at least 1.

    Returns:
        Shape (RESAMPLES,).

    Source: Politis and Romano, "A Circular Block-Resampling Procedure for Stationary Data", 1992.
    """
    count = values.size
    wrapped = np.resize(values, count + block - 1)
    sums = np.convolve(wrapped, np.ones(block), mode="valid")[:count]
    blocks = -(-count // block)
    starts = np.random.default_rng(0).integers(0, count, size=(RESAMPLES, blocks))
    return np.asarray(sums[starts].sum(axis=1) / (blocks * block))
