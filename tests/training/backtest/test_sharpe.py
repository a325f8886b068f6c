"""The deflated Sharpe ratio is that of its paper, and its ingredients are what they say."""

import numpy as np
import pytest

from training.backtest.overfitting import probability_of_overfitting
from training.backtest.sharpe import Moments, deflated, expected_maximum, sharpe_ratio, sharpe_samples

A_YEAR = 250


def test_is_that_of_the_published_example() -> None:
    """Bailey and Lopez de Prado, 2014: a ratio of 2.5 a year, the best of 100 whose variance is one half."""
    moments = Moments(sessions=1250, sharpe=2.5 / np.sqrt(A_YEAR), skewness=-3, kurtosis=10)

    threshold = expected_maximum(0.5 / A_YEAR, 100)

    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert deflated(moments, threshold) == pytest.approx(0.9004, abs=5e-5)


def test_the_more_was_tried_the_less_is_left() -> None:
    moments = Moments.of(np.random.default_rng(1).normal(0.001, 0.01, 1000))
    left = [deflated(moments, expected_maximum(1 / 1000, trials)) for trials in (1, 10, 100, 1000)]
    assert left == sorted(left, reverse=True)
    assert expected_maximum(1.0, 1) == 0


def test_moments_of_a_normal_variable_are_known() -> None:
    moments = Moments.of(np.random.default_rng(2).normal(0.1, 1, 200_000))
    assert (moments.sharpe, moments.skewness, moments.kurtosis) == pytest.approx((0.1, 0, 3), abs=0.05)


def test_the_interval_of_a_sharpe_ratio_holds_it_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        low, high = np.quantile(sharpe_samples(np.random.default_rng(seed).normal(0.05, 1, 500)), [0.025, 0.975])
        held += low <= 0.05 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_the_best_of_what_is_all_worth_the_same_is_as_often_below_the_median_as_above() -> None:
    found = [probability_of_overfitting(np.random.default_rng(seed).normal(0, 1, (480, 9))) for seed in range(30)]
    assert 0.35 < np.mean(found) < 0.7


def test_what_is_better_everywhere_is_no_product_of_choice() -> None:
    returns = np.random.default_rng(3).normal(0, 1, (480, 5))
    returns[:, 2] += 1
    assert probability_of_overfitting(returns) == 0
    assert sharpe_ratio(returns[:, 2]) > 0.8


def test_what_is_good_in_one_half_at_the_expense_of_the_other_is() -> None:
    """Each strategy earns in its own half of the blocks and loses as much in the rest."""
    rng = np.random.default_rng(4)
    signs = np.array([rng.permutation(np.repeat([1.0, -1.0], 8)) for _ in range(40)]).T
    returns = np.repeat(signs, 30, axis=0) + rng.normal(0, 0.1, (480, 40))
    assert probability_of_overfitting(returns) > 0.9
