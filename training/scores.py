"""How good forecasts were."""

import numpy as np

from forecasting.distribution import INTERVAL_LEVEL
from market.bars import FloatArray
from training.evaluation import Evaluation


def mean_absolute_error(forecast: FloatArray, actual: FloatArray) -> float:
    """Mean of the absolute misses, in units of the return (0.0119 is 1.19 %)."""
    return float(np.mean(np.abs(forecast - actual)))


def root_mean_squared_error(forecast: FloatArray, actual: FloatArray) -> float:
    """Root of the mean squared miss, in units of the return."""
    return float(np.sqrt(np.mean((forecast - actual) ** 2)))


def direction_accuracy(probability_up: FloatArray, actual: FloatArray) -> float:
    """Share of sessions on which the more probable direction was right; no move at all counts as a fall."""
    return float(np.mean((probability_up >= 0.5) == (actual > 0)))  # noqa: PLR2004  # the coin's edge


def coverage(lower: FloatArray, upper: FloatArray, actual: FloatArray) -> float:
    """Share of the returns inside their interval."""
    return float(np.mean((lower <= actual) & (actual <= upper)))


def interval_scores(lower: FloatArray, upper: FloatArray, actual: FloatArray) -> FloatArray:
    """Width plus what was missed times 2 / (1 - level), shape of `actual`; lower is better.

    Source: Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, eq. 43.
    """
    missed = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return np.asarray(upper - lower + 2 / (1 - INTERVAL_LEVEL) * missed)


def summary(evaluation: Evaluation) -> dict[str, float]:
    """All scores of the known rows of `evaluation`, by the names they are logged under."""
    known = evaluation.known()
    actual = known.actual
    return {
        "val_mae": mean_absolute_error(known.median, actual),
        "val_rmse": root_mean_squared_error(known.median, actual),
        "baseline_mae": mean_absolute_error(np.zeros_like(actual), actual),
        "direction_accuracy": direction_accuracy(known.probability_up, actual),
        "coverage": coverage(known.lower, known.upper, actual),
        "interval_score": float(np.mean(interval_scores(known.lower, known.upper, actual))),
        "val_samples": actual.size,
    }
