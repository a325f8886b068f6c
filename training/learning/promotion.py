"""Decide whether a new version replaces the one that serves."""

from dataclasses import dataclass, replace

import numpy as np

from forecasting.interval_score import interval_scores
from market.bars import FloatArray
from training.scoring.bootstrap import resampled_means
from training.scoring.evaluation import Evaluation

# One-sided test of the daily differences to the baseline.
SIGNIFICANCE = 0.05
# Sessions resampled together: volatility comes in runs, and labels over h sessions overlap.
SHORTEST_BLOCK = 10
# Fewer independent blocks than this say nothing about a difference.
FEWEST_BLOCKS = 5
HOLDS = "it is not significantly worse than the baseline"
# A refit of the champion's own recipe on newer bars is promoted for the fresher bars unless its score is worse by more
# than this share: the two are scored on the same folds, but their calibrations begin at different sessions.
SAME_RECIPE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """The scored forecasts of a version, as promotion compares them.

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
    """Whether a version is promoted, with the numbers that decided it.

    Attributes:
        baseline_difference: mean daily interval score less the baseline's; below 0 is better.
        baseline_lower_bound: one-sided 95 % lower bound of it.
        champion_improvement: share by which the score is lower than the champion's on common sessions; null when the
            version was not compared with one.
    """

    promoted: bool
    reason: str
    baseline_difference: float | None = None
    baseline_lower_bound: float | None = None
    champion_improvement: float | None = None

    def tags(self) -> dict[str, str]:
        """The tags of the version and of its run."""
        return {"decision": "promoted" if self.promoted else "rejected", "decision_reason": self.reason}

    def numbers(self) -> dict[str, float]:
        """The numbers that decided it, by name."""
        numbers = {
            "baseline_difference": self.baseline_difference,
            "baseline_lower_bound": self.baseline_lower_bound,
            "champion_improvement": self.champion_improvement,
        }
        return {name: value for name, value in numbers.items() if value is not None}


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
    block = max(SHORTEST_BLOCK, 2 * horizon)
    if (scored := np.count_nonzero(known)) < FEWEST_BLOCKS * block:
        return Decision(False, f"it has {scored} scored sessions, but {FEWEST_BLOCKS * block} are needed to judge it")
    differences = challenger.scores()[known] - interval_scores(baseline.lower, baseline.upper, baseline.actual)[known]
    bound = lower_bound(differences, block)
    numbers = float(np.mean(differences)), bound
    if bound > 0:
        return Decision(False, "it is significantly worse than the baseline", *numbers)
    improvement = _improvement(challenger, champion) if champion is not None else None
    if champion is None or improvement is None:
        missing = "there is no champion" if champion is None else "it shares no sessions with the champion"
        return Decision(True, f"{HOLDS}, and {missing}", *numbers)
    is_same_recipe = challenger.recipe == champion.recipe
    return _against_champion(Decision(True, "", *numbers, improvement), margin, is_same_recipe=is_same_recipe)


def _against_champion(decision: Decision, margin: float, *, is_same_recipe: bool) -> Decision:
    improvement = decision.champion_improvement or 0.0
    needed = -SAME_RECIPE_TOLERANCE if is_same_recipe else margin
    if improvement < needed:
        reason = f"its improvement on the champion is {improvement:.2%}, not {needed:.2%}"
    elif is_same_recipe:
        reason = "it is the champion's recipe, and holds its level"
    else:
        reason = f"it beats the champion by {improvement:.2%}"
    return replace(decision, promoted=improvement >= needed, reason=reason)


def lower_bound(differences: FloatArray, block: int) -> float:
    """One-sided 95 % lower bound of the mean of serially dependent differences.

    Args:
        differences: shape (n,), n at least 1.
        block: values resampled together.
    """
    return float(np.quantile(resampled_means(differences, block), SIGNIFICANCE))


def _improvement(challenger: Candidate, champion: Candidate) -> float | None:
    """Share by which the challenger's score is lower on the sessions that both were scored on."""
    _, ours, theirs = np.intersect1d(challenger.sessions, champion.sessions, return_indices=True)
    own, other = challenger.scores()[ours], champion.scores()[theirs]
    both = np.isfinite(own) & np.isfinite(other)
    return 1 - float(np.mean(own[both]) / np.mean(other[both])) if both.any() else None
