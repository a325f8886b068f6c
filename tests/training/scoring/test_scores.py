"""Scores against values worked out by hand."""

import numpy as np
import pytest

from training.scoring import scores

ACTUAL = np.array([0.01, -0.02, 0.03])
LOWER, UPPER = np.array([0.0, -0.01, 0.0]), np.array([0.02, 0.01, 0.02])


def test_errors() -> None:
    assert scores.mean_absolute_error(np.zeros(3), ACTUAL) == pytest.approx(0.02)
    assert scores.root_mean_squared_error(np.zeros(3), ACTUAL) == pytest.approx(np.sqrt(0.0014 / 3))


def test_direction_counts_the_more_probable_side() -> None:
    assert scores.direction_accuracy(np.array([0.6, 0.4, 0.4]), ACTUAL) == pytest.approx(2 / 3)


def test_coverage_is_the_share_inside() -> None:
    assert scores.coverage(LOWER, UPPER, ACTUAL) == pytest.approx(1 / 3)
