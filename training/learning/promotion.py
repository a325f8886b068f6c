"""Whether a new version may take the place of the one that serves."""

from dataclasses import dataclass

import numpy as np

from market.bars import FloatArray
from training.learning.evaluation import Evaluation
from training.learning.scores import interval_scores

# One-sided test of the daily differences to the baseline.
SIGNIFICANCE = 0.05
RESAMPLES = 2000
# Sessions resampled together: volatility comes in runs, and labels over h sessions overlap.
SHORTEST_BLOCK = 10
HOLDS = "it is not significantly worse than the baseline"
# A refit of the champion's own recipe on newer bars is scored on the same folds, give or take where the calibration
# begins; within this share it is taken for the fresher bars' sake.
SAME_RECIPE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What promotion looks at.

    Attributes:
        recipe: fingerprint of everything but the bars that decides what is learnt.
        sessions: shape (m,), made-on sessions of `evaluation`.
    """

    recipe: str
    simulated: bool
    sessions: "np.ndarray[tuple[int], np.dtype[np.datetime64]]"
    evaluation: Evaluation

    def scores(self) -> FloatArray:
        """Interval score of each session, NaN where the return is not known yet."""
        return interval_scores(self.evaluation.lower, self.evaluation.upper, self.evaluation.actual)


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, with the numbers it rests on.

    Attributes:
        baseline_difference: mean daily interval score less the baseline's; below 0 is better.
        baseline_lower_bound: one-sided 95 % lower bound of it.
        champion_improvement: share by which the score is lower than the champion's on common sessions, if it was asked.
    """

    promoted: bool
    reason: str
    baseline_difference: float
    baseline_lower_bound: float
    champion_improvement: float | None = None

    def tags(self) -> dict[str, str]:
        """As written on the version and its run."""
        numbers = {
            "baseline_difference": self.baseline_difference,
            "baseline_lower_bound": self.baseline_lower_bound,
            "champion_improvement": self.champion_improvement,
        }
        decision = {"decision": "promoted" if self.promoted else "kept", "decision_reason": self.reason}
        return decision | {name: f"{value:.6g}" for name, value in numbers.items() if value is not None}


def decide(
    challenger: Candidate, baseline: Evaluation, champion: Candidate | None, horizon: int, margin: float
) -> Decision:
    """Promote a challenger that is not worse than the baseline, and better than the champion by `margin`.

    Args:
        baseline: forecasts for the challenger's rows.
        champion: null when there is none of the same kind of prices.
        margin: share of the champion's interval score.
    """
    known = np.isfinite(challenger.evaluation.actual)
    differences = challenger.scores()[known] - interval_scores(baseline.lower, baseline.upper, baseline.actual)[known]
    bound = lower_bound(differences, max(SHORTEST_BLOCK, 2 * horizon))
    numbers = float(np.mean(differences)), bound
    if bound > 0:
        return Decision(False, "it is significantly worse than the baseline", *numbers)
    if champion is None:
        return Decision(True, f"{HOLDS}, and there is no champion", *numbers)
    improvement = _improvement(challenger, champion)
    if improvement is None:
        return Decision(True, f"{HOLDS}, and shares no sessions with the champion", *numbers)
    same = challenger.recipe == champion.recipe
    if same and improvement >= -SAME_RECIPE_TOLERANCE:
        return Decision(True, "it is the champion's recipe, and holds its level", *numbers, improvement)
    if not same and improvement >= margin:
        return Decision(True, f"it beats the champion by {improvement:.2%}", *numbers, improvement)
    asked = -SAME_RECIPE_TOLERANCE if same else margin
    return Decision(
        False, f"its improvement on the champion is {improvement:.2%}, not {asked:.2%}", *numbers, improvement
    )


def lower_bound(differences: FloatArray, block: int) -> float:
    """One-sided 95 % lower bound of the mean of serially dependent differences, by circular block bootstrap.

    Args:
        differences: shape (n,), n at least 1.
        block: values resampled together.

    Source: Politis and Romano, "A Circular Block-Resampling Procedure for Stationary Data", 1992.
    """
    count = differences.size
    wrapped = np.concatenate((differences, differences[: block - 1]))
    sums = np.convolve(wrapped, np.ones(block), mode="valid")[:count]
    blocks = -(-count // block)
    starts = np.random.default_rng(0).integers(0, count, size=(RESAMPLES, blocks))
    return float(np.quantile(sums[starts].sum(axis=1) / (blocks * block), SIGNIFICANCE))


def _improvement(challenger: Candidate, champion: Candidate) -> float | None:
    """Share by which the challenger's score is lower on the sessions that both were scored on."""
    _, ours, theirs = np.intersect1d(challenger.sessions, champion.sessions, return_indices=True)
    own, other = challenger.scores()[ours], champion.scores()[theirs]
    both = np.isfinite(own) & np.isfinite(other)
    return 1 - float(np.mean(own[both]) / np.mean(other[both])) if both.any() else None
