"""Recipes are compared on what both were scored on, and the interval of their difference holds it."""

import numpy as np
import pytest

from training.comparison.differences import difference
from training.comparison.scoring import Scored

SESSIONS = np.datetime64("2021-01-04") + np.arange(600)


def scored(recipe: str, ticker: str, scores: "np.ndarray", first: int = 0) -> Scored:
    return Scored(recipe, ticker, 1, SESSIONS[first : first + scores.size], scores, scores, {})


def test_a_recipe_that_is_a_tenth_better_everywhere_is_proven_so() -> None:
    other = 1 + np.random.default_rng(1).random(600)

    found = difference([scored("new", "A", 0.9 * other)], [scored("old", "A", other)], 1)

    assert found is not None
    assert found.share == pytest.approx(0.1)
    assert found.lower < 0.1 < found.upper
    assert found.is_proven


def test_only_tickers_and_sessions_that_both_have_count() -> None:
    new = [scored("new", "A", np.full(400, 1.0)), scored("new", "B", np.full(600, 99.0))]
    old = [scored("old", "A", np.full(400, 2.0), first=200)]

    found = difference(new, old, 1)

    assert found is not None
    assert (found.sessions, found.share) == (200, 0.5)
    assert difference([scored("new", "C", np.ones(5))], old, 1) is None


def test_recipes_that_do_not_differ_are_proven_different_no_more_often_than_promised() -> None:
    proven = 0
    for seed in range(200):
        draws = np.random.default_rng(seed).random((2, 600))
        found = difference([scored("new", "A", draws[0])], [scored("old", "A", draws[1])], 1)
        assert found is not None
        proven += found.is_proven

    assert proven / 200 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
