"""Only what is better serves."""

from dataclasses import replace

import numpy as np
import pytest

from training.learning.promotion import Candidate, decide, lower_bound
from training.scoring.evaluation import Evaluation

DAYS = 600
GENERATOR = np.random.default_rng(11)
ACTUAL = 0.01 * GENERATOR.standard_normal(DAYS)
SESSIONS = np.datetime64("2021-01-04") + np.arange(DAYS)


def evaluation(width: float, noise: float = 0.0) -> Evaluation:
    """Intervals `width` times as wide as they should be, give or take."""
    half = 0.01645 * width * np.exp(noise * np.random.default_rng(12).standard_normal(DAYS))
    return Evaluation(np.arange(DAYS), np.zeros(DAYS), -half, half, np.full(DAYS, 0.5), ACTUAL)


def candidate(width: float, *, recipe: str = "new", noise: float = 0.0) -> Candidate:
    return Candidate(recipe, False, SESSIONS, evaluation(width, noise))


def test_a_first_version_as_good_as_the_baseline_is_promoted() -> None:
    decision = decide(candidate(1.0), evaluation(1.0), None, 1, 0.002)
    assert decision.promoted
    assert decision.baseline_difference == 0
    assert decision.champion_improvement is None


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_a_version_significantly_worse_than_the_baseline_is_rejected_even_without_a_champion(horizon: int) -> None:
    decision = decide(candidate(2.0), evaluation(1.0), None, horizon, 0.002)
    assert not decision.promoted
    assert decision.reason == "it is significantly worse than the baseline"
    assert decision.baseline_difference is not None
    assert decision.baseline_lower_bound is not None
    assert 0 < decision.baseline_lower_bound < decision.baseline_difference


def test_a_better_recipe_is_promoted_and_says_by_how_much() -> None:
    decision = decide(candidate(1.0), evaluation(1.0, noise=0.3), candidate(1.3, recipe="old"), 1, 0.002)
    assert decision.promoted
    assert decision.champion_improvement is not None
    assert f"{decision.champion_improvement:.2%}" in decision.reason


def test_a_better_recipe_by_less_than_the_margin_is_rejected() -> None:
    old = candidate(1.3, recipe="old")
    improvement = decide(candidate(1.0), evaluation(1.0), old, 1, 0.002).champion_improvement
    assert improvement is not None
    assert not decide(candidate(1.0), evaluation(1.0), old, 1, improvement + 0.001).promoted


def test_a_worse_recipe_is_rejected() -> None:
    decision = decide(candidate(1.3), evaluation(1.3), candidate(1.0, recipe="old"), 1, 0.002)
    assert not decision.promoted
    assert "not 0.20%" in decision.reason


def test_the_champions_own_recipe_on_newer_bars_is_promoted() -> None:
    decision = decide(candidate(1.0, recipe="same"), evaluation(1.0), candidate(1.0, recipe="same"), 1, 0.002)
    assert decision.promoted
    assert decision.reason == "it is the champion's recipe, and holds its level"


def test_the_champions_own_recipe_is_rejected_when_it_has_become_worse() -> None:
    decision = decide(candidate(1.5, recipe="same"), evaluation(1.5), candidate(1.0, recipe="same"), 1, 0.002)
    assert not decision.promoted


@pytest.mark.parametrize(("horizon", "needed"), [(1, 50), (5, 50), (21, 210)])
@pytest.mark.parametrize("scored", [1, 15, 30, 40, 49])
def test_a_version_scored_on_few_sessions_is_rejected_whatever_its_scores(
    horizon: int, needed: int, scored: int
) -> None:
    young = first(candidate(1.0), scored)

    decision = decide(young, first(candidate(1.5), scored).evaluation, None, horizon, 0.002)

    assert not decision.promoted
    assert decision.reason == f"it has {scored} scored sessions, but {needed} are needed to judge it"
    assert decision.numbers() == {}


def first(version: Candidate, scored: int) -> Candidate:
    """A version of which the first `scored` sessions alone are known."""
    actual = np.where(np.arange(DAYS) < scored, ACTUAL, np.nan)
    return replace(version, evaluation=replace(version.evaluation, actual=actual))


@pytest.mark.parametrize("count", [1, 2, 20, 41, 42, 43])
def test_the_bound_of_fewer_differences_than_a_block_is_their_mean_at_most(count: int) -> None:
    differences = np.random.default_rng(3).standard_normal(count)

    assert lower_bound(differences, 42) <= differences.mean() + 1e-12


def test_versions_are_compared_on_the_sessions_they_share() -> None:
    old = candidate(1.0, recipe="old")
    elsewhere = replace(old, sessions=SESSIONS + 10_000)
    assert decide(candidate(1.3), evaluation(1.3), elsewhere, 1, 0.002).promoted
    assert not decide(candidate(1.3), evaluation(1.3), old, 1, 0.002).promoted


def test_a_decision_is_written_with_its_numbers() -> None:
    decision = decide(candidate(1.0), evaluation(1.1), candidate(1.3, recipe="old"), 1, 0.002)
    assert decision.tags() == {"decision": "promoted", "decision_reason": decision.reason}
    assert decision.numbers()["baseline_difference"] < 0
    assert decision.numbers()["champion_improvement"] > 0
    assert set(decision.numbers()) == {"baseline_difference", "baseline_lower_bound", "champion_improvement"}


def test_the_bound_lies_below_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(13)
    draws = generator.standard_normal((200, 300))
    # Sums of neighbours depend on each other, as overlapping labels do.
    dependent = np.array([np.convolve(row, np.ones(5) / 5, mode="valid") for row in draws])
    wrong = np.mean([lower_bound(row, 20) > 0 for row in dependent])
    assert wrong < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
