"""Value at risk and expected shortfall against values worked out by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from forecasting.baseline import LARGEST_SAMPLE
from forecasting.distribution import PROBABILITIES, Distribution
from forecasting.risk import Misses, joint_ranks, joint_returns, portfolio_risk, taken_as_independent

NORMAL = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])
GENERATOR = np.random.default_rng(5)


def ranks_of(correlation: float, count: int = 20_000) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    draws = GENERATOR.multivariate_normal(np.zeros(2), [[1, correlation], [correlation, 1]], count)
    return Distribution(NORMAL).probability_below(draws)


def test_of_hand_made_scenarios() -> None:
    returns = np.array([[-0.04], [-0.02], [0.01], [0.03], [0.05]])
    risk = portfolio_risk(np.array([1000.0]), returns, 0.25)
    assert risk.value_at_risk == pytest.approx(20)
    assert risk.expected_shortfall == pytest.approx(30)


def test_of_a_short_position_lies_on_the_other_side() -> None:
    returns = np.array([[-0.04], [-0.02], [0.01], [0.03], [0.05]])
    assert portfolio_risk(np.array([-1000.0]), returns, 0.25).value_at_risk == pytest.approx(30)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.9])
def test_of_a_portfolio_depends_on_how_returns_fall_together(correlation: float) -> None:
    distributions = [Distribution(0.01 * NORMAL), Distribution(0.02 * NORMAL)]
    returns = joint_returns(distributions, ranks_of(correlation))
    deviation = np.sqrt(0.01**2 + 0.02**2 + 2 * correlation * 0.01 * 0.02)
    risk = portfolio_risk(np.ones(2), returns, 0.05)
    assert risk.value_at_risk == pytest.approx(1.645 * deviation, rel=0.05)
    assert risk.expected_shortfall == pytest.approx(2.063 * deviation, rel=0.05)


def test_each_return_keeps_the_distribution_of_its_forecast() -> None:
    returns = joint_returns([Distribution(0.01 * NORMAL), Distribution(0.03 * NORMAL)], ranks_of(0.5))
    np.testing.assert_allclose(returns.std(axis=0), [0.01, 0.03], rtol=0.03)


def misses_of(ticker: str, first: str, size: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Misses:
    return Misses(ticker, np.datetime64(first) + np.arange(size.size), size)


def test_ranks_of_one_session_stand_together_and_are_evenly_spread() -> None:
    size = GENERATOR.standard_normal(LARGEST_SAMPLE)

    ranks = joint_ranks([misses_of("A", "2020-01-01", size), misses_of("B", "2020-01-01", -5 * size)])

    np.testing.assert_allclose(ranks.sum(axis=1), 1)
    np.testing.assert_allclose(np.sort(ranks[:, 0]), (np.arange(LARGEST_SAMPLE) + 0.5) / LARGEST_SAMPLE)


def test_only_the_last_sessions_count() -> None:
    size = GENERATOR.standard_normal(2 * LARGEST_SAMPLE)
    newest = size[LARGEST_SAMPLE:]

    ranks = joint_ranks([misses_of("A", "2020-01-01", size)])

    np.testing.assert_array_equal(ranks[:, 0].argsort(), newest.argsort())


def test_a_ticker_without_a_past_is_independent_of_the_others_and_the_same_each_time() -> None:
    size = GENERATOR.standard_normal(LARGEST_SAMPLE)
    known, other = misses_of("A", "2020-01-01", size), misses_of("B", "2020-01-01", size)
    young = misses_of("NEW", "2021-05-01", size[:10])

    ranks = joint_ranks([known, other, young])

    assert np.corrcoef(ranks[:, 0], ranks[:, 1])[0, 1] == pytest.approx(1)
    assert abs(np.corrcoef(ranks[:, 0], ranks[:, 2])[0, 1]) < 0.2
    np.testing.assert_array_equal(ranks, joint_ranks([known, other, young]))
    assert taken_as_independent([known, other, young]) == ["NEW"]
    assert not taken_as_independent([young])


def test_without_any_past_all_are_independent() -> None:
    none = [misses_of(ticker, "2020-01-01", np.empty(0)) for ticker in "AB"]

    ranks = joint_ranks(none)

    assert ranks.shape == (LARGEST_SAMPLE, 2)
    assert abs(np.corrcoef(ranks[:, 0], ranks[:, 1])[0, 1]) < 0.2
    assert taken_as_independent(none) == ["A", "B"]
