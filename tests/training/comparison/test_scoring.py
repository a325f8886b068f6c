"""The scores of a recipe on one ticker."""

from statistics import NormalDist

import numpy as np
import pytest

from forecasting.distribution import PROBABILITIES
from market.bars import Bars
from tests.training.recipes_of_tests import NAMES, quick
from training.comparison.scoring import Scored, crps_of, score


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_is_scored_on_the_same_sessions(short_bars: Bars, name: str) -> None:
    found = score(short_bars, 1, quick(refit_every=300, tested=150, name=name))

    assert isinstance(found, Scored)
    assert found.recipe == name
    assert found.session.size == found.interval_score.size == found.crps.size == found.metrics["val_samples"]
    assert str(found.session[-1]) == str(short_bars.session[-2])
    assert found.metrics["interval_score"] == pytest.approx(found.interval_score.mean())
    assert 0.7 < found.metrics["coverage"] <= 1
    assert found.metrics["onnx_bytes"] > 500


def test_a_history_that_is_too_short_is_told_in_one_line(short_bars: Bars) -> None:
    found = score(short_bars[:300], 1, quick())

    assert isinstance(found, str)
    assert found.startswith("TEST: 234 sessions with all inputs")


@pytest.mark.parametrize("missed", [-2.0, -0.3, 0.0, 0.7, 1.5])
def test_the_crps_is_that_of_a_normal_distribution(missed: float) -> None:
    """Its closed form: Gneiting and Raftery, 2007, section 4.2."""
    normal = NormalDist()
    quantiles = np.array([[normal.inv_cdf(probability) for probability in PROBABILITIES]])

    (found,) = crps_of(quantiles, np.array([missed]))

    exact = missed * (2 * normal.cdf(missed) - 1) + 2 * normal.pdf(missed) - 1 / np.sqrt(np.pi)
    assert found == pytest.approx(exact, abs=0.006)
