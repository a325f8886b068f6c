"""Value at risk and expected shortfall against values worked out by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from forecasting.distribution import PROBABILITIES, Distribution
from forecasting.risk import joint_returns, portfolio_risk

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
