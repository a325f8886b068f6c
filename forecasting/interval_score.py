"""The score of an interval: one number for its width and for what it missed."""

import numpy as np

from forecasting.distribution import INTERVAL_LEVEL
from market.bars import FloatArray


def interval_scores(lower: FloatArray, upper: FloatArray, actual: FloatArray) -> FloatArray:
    """Width plus what was missed times 2 / (1 - level), shape of `actual`; lower is better.

    Source: Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, eq. 43.
    """
    missed = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - INTERVAL_LEVEL) * missed)
