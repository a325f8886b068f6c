"""Tests of value at risk against published and simulated values."""

import numpy as np
import pytest

from training.scoring.risk_scores import christoffersen, kupiec, quantile_loss


def exceeded(count: int, hits: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.arange(count) < hits


def test_quantile_loss_by_hand() -> None:
    assert quantile_loss(np.array([-0.02, -0.02]), np.array([-0.05, 0.02]), 0.05) == pytest.approx(
        (0.95 * 0.03 + 0.05 * 0.04) / 2
    )


def test_kupiec_accepts_what_it_expects_and_refuses_what_it_does_not() -> None:
    assert kupiec(exceeded(1000, 50), 0.05) == pytest.approx(1.0)
    # Not rejected at 95 % between 37 and 65 of 1,000: table 2 of Kupiec, 1995.
    assert kupiec(exceeded(1000, 38), 0.05) > 0.05
    assert kupiec(exceeded(1000, 64), 0.05) > 0.05
    assert kupiec(exceeded(1000, 36), 0.05) < 0.05
    assert kupiec(exceeded(1000, 66), 0.05) < 0.05
    assert kupiec(exceeded(500, 0), 0.05) < 0.001


def test_christoffersen_tells_clusters_from_chance() -> None:
    chance = np.random.default_rng(3).random(2000) < 0.05
    clusters = np.repeat(np.random.default_rng(3).random(400) < 0.05, 5)
    assert christoffersen(chance) > 0.05
    assert christoffersen(clusters) < 0.001
    assert christoffersen(exceeded(100, 0)) == 1
