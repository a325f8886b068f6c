"""How good forecasts were."""

from collections.abc import Mapping

import numpy as np

from forecasting.interval_score import interval_scores
from forecasting.reports.schedule import BoolArray
from market.bars import FloatArray
from training.scoring.evaluation import Evaluation

EVEN = 0.5
BINS = 5
# Sessions resampled together, and how often.
BLOCK, RESAMPLES = 21, 2000
# The share of sessions that counts as turbulent.
TURBULENT = 0.2


def mean_absolute_error(forecast: FloatArray, actual: FloatArray) -> float:
    """Mean absolute error, in units of the return (0.0119 is 1.19 %)."""
    return float(np.mean(np.abs(forecast - actual)))


def root_mean_squared_error(forecast: FloatArray, actual: FloatArray) -> float:
    """Root mean squared error, in units of the return."""
    return float(np.sqrt(np.mean((forecast - actual) ** 2)))


def direction_accuracy(probability_up: FloatArray, actual: FloatArray) -> float:
    """Share of sessions on which the more probable direction was right; no move at all counts as a fall."""
    return float(np.mean((probability_up >= EVEN) == (actual > 0)))


def brier_score(probability_up: FloatArray, actual: FloatArray) -> float:
    """Mean squared difference between the probability of a rise and 1 for a rise, 0 for none; a coin scores 0.25.

    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.
    """
    return float(np.mean((probability_up - (actual > 0)) ** 2))


def calibration_error(probability_up: FloatArray, actual: FloatArray) -> float:
    """Mean difference between the stated probability and the share of rises, over five bins of equal count."""
    order = np.argsort(probability_up, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if part.size]
    gaps = [abs(float(np.mean(probability_up[part]) - np.mean(actual[part] > 0))) * part.size for part in bins]
    return sum(gaps) / order.size


def coverage(lower: FloatArray, upper: FloatArray, actual: FloatArray) -> float:
    """Share of the returns inside their interval."""
    return float(np.mean((lower <= actual) & (actual <= upper)))


def relative_gain(ours: FloatArray, theirs: FloatArray) -> tuple[float, float]:
    """By which share our mean score is below theirs, and its standard error by circular block bootstrap.

    Args:
        ours, theirs: shape (n,), scores of the same sessions, n at least 1; volatility comes in runs, so BLOCK
            neighbours are resampled together.

    Source: Politis and Romano, "A Circular Block-Resampling Procedure for Stationary Data", 1992.
    """
    starts = np.random.default_rng(0).integers(0, ours.size, size=(RESAMPLES, -(-ours.size // BLOCK), 1))
    drawn = (starts + np.arange(BLOCK)) % ours.size
    gains = 1 - ours[drawn].sum(axis=(1, 2)) / theirs[drawn].sum(axis=(1, 2))
    return 1 - float(ours.sum() / theirs.sum()), float(gains.std())


def turbulent(level: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """The fifth of the sessions with the highest `level`, which must be known beforehand, shape (n,)."""
    return np.asarray(level >= np.quantile(level, 1 - TURBULENT))


def summary(evaluation: Evaluation) -> dict[str, float]:
    """The scores that stand on a model card."""
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


def comparison(
    evaluation: Evaluation, baselines: Mapping[str, Evaluation], level: FloatArray, reported: BoolArray
) -> dict[str, float]:
    """Further scores for MLflow and tables, the baselines beside each.

    Args:
        level: shape (m,), volatility known on the rows of `evaluation`.
        reported: shape (m,), whether a report may have taken effect within the horizon; what is said of report
            sessions is missing when there are none.
    """
    known = evaluation.known()
    actual = known.actual
    chosen = turbulent(level[np.isfinite(evaluation.actual)])
    accuracy = direction_accuracy(known.probability_up, actual)
    own = float(np.mean(interval_scores(known.lower, known.upper, actual)))
    rises = baselines["last_252"].known().probability_up
    scores = {
        "mae_ratio": mean_absolute_error(known.median, actual) / mean_absolute_error(np.zeros_like(actual), actual),
        "direction_standard_error": float(np.sqrt(accuracy * (1 - accuracy) / actual.size)),
        "always_up_accuracy": float(np.mean(actual > 0)),
        "brier_score": brier_score(known.probability_up, actual),
        "base_rate_brier_score": brier_score(rises, actual),
        "calibration_error": calibration_error(known.probability_up, actual),
        "turbulent_coverage": coverage(known.lower[chosen], known.upper[chosen], actual[chosen]),
        "days": actual.size,
    }
    scores |= _by_reports(known, reported[np.isfinite(evaluation.actual)])
    for name, baseline in baselines.items():
        other = baseline.known()
        score = float(np.mean(interval_scores(other.lower, other.upper, actual)))
        scores |= {f"{name}_interval_score": score, f"skill_over_{name}": 1 - own / score}
        scores[f"{name}_coverage"] = coverage(other.lower, other.upper, actual)
    return scores


def _by_reports(known: Evaluation, reported: BoolArray) -> dict[str, float]:
    scores: dict[str, float] = {"report_days": int(reported.sum())}
    for name, chosen in (("report", reported), ("ordinary", ~reported)):
        if chosen.any():
            scores[f"{name}_coverage"] = coverage(known.lower[chosen], known.upper[chosen], known.actual[chosen])
    return scores
