"""What a model is compared with: forecasts that anyone can make."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from features.windows import exponential_weights, weighted_sum
from forecasting.baseline import LARGEST_SAMPLE
from forecasting.distribution import INTERVAL_LEVEL
from market.bars import Bars, FloatArray
from training.learning.dataset import Dataset
from training.scoring.evaluation import Evaluation
from training.scoring.served_baseline import evaluate_served

YEAR = 252
EWMA_DECAY = 0.94
TAIL = (1 - INTERVAL_LEVEL) / 2


def evaluate_baselines(bars: Bars, data: Dataset, evaluation: Evaluation) -> dict[str, Evaluation]:
    """The forecasts of each baseline for the rows of `evaluation`, by name, each knowing only the past.

    `baseline` is the one that is served, the others are those of `plain_baselines`.
    """
    return {"baseline": evaluate_served(bars, data, evaluation), **plain_baselines(bars, data, evaluation)}


def plain_baselines(bars: Bars, data: Dataset, evaluation: Evaluation) -> dict[str, Evaluation]:
    """The forecasts of the field's yardsticks for the rows of `evaluation`, by name.

    `last_252` are the quantiles of the returns of a year; `ewma` an exponentially weighted volatility (0.94) times the
    quantiles of the returns in its units.
    """
    offset = len(bars) - len(data)
    return {
        "last_252": _quantiles(data, evaluation, np.ones(len(data)), YEAR),
        "ewma": _quantiles(data, evaluation, _ewma(bars)[offset:], LARGEST_SAMPLE),
    }


def _ewma(bars: Bars) -> FloatArray:
    """Exponentially weighted standard deviation of daily returns around zero, shape (n,).

    Source: J.P. Morgan, "RiskMetrics Technical Document", 1996, section 5.2.
    """
    squares = (np.diff(bars.close) / bars.close[:-1]) ** 2
    return np.sqrt(np.maximum(weighted_sum(squares, exponential_weights(EWMA_DECAY), len(bars)), 1e-8))


def _quantiles(data: Dataset, evaluation: Evaluation, unit: FloatArray, memory: int) -> Evaluation:
    """Quantiles of the last `memory` returns known, in units that were known before them."""
    samples = np.concatenate((np.full(memory, np.nan), data.actual / unit))
    # The newest return known at a row is the one made `horizon` rows before.
    windows = sliding_window_view(samples, memory)[evaluation.row - data.horizon + 1]
    lower, middle, upper = _quantiles_of_each(windows) * unit[evaluation.row]
    rises = np.nanmean(np.where(np.isnan(windows), np.nan, windows > 0), axis=1)
    return Evaluation(evaluation.row, middle, lower, upper, rises, evaluation.actual)


def _quantiles_of_each(windows: FloatArray) -> FloatArray:
    """Ends and middle of the central interval, shape (3, m), of windows of shape (m, n); what is NaN is left out."""
    whole = ~np.isnan(windows).any(axis=1)
    found, wanted = np.empty((3, len(windows))), (TAIL, 0.5, 1 - TAIL)
    found[:, whole] = np.quantile(windows[whole], wanted, axis=1)
    found[:, ~whole] = np.nanquantile(windows[~whole], wanted, axis=1)
    return found
