"""A forecast is read from one distribution, so its parts never disagree."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration import HORIZONS
from forecasting.distribution import (
    INTERVAL_LEVEL,
    PROBABILITIES,
    Distribution,
    forecast,
    half_student,
    mixed,
    quantile_table,
)
from market.bars import FloatArray

NORMAL = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])

centres = st.floats(-0.2, 0.2)
widths = st.floats(1e-4, 0.5)
residuals = st.lists(st.floats(-10, 10), min_size=1, max_size=600).map(np.array)
horizons = st.sampled_from([1, 5, 21])


def test_reads_the_interval_of_a_known_distribution() -> None:
    made = forecast(1, 0.001, 0.02, NORMAL)
    assert made.lower == pytest.approx(0.001 - 1.645 * 0.02, abs=1e-4)
    assert made.upper == pytest.approx(0.001 + 1.645 * 0.02, abs=1e-4)
    assert made.median == pytest.approx(0.001)
    assert made.probability_up == pytest.approx(NormalDist(0.001, 0.02).cdf(0.002), abs=1e-3)


@given(centres, widths, residuals, horizons)
def test_is_ordered_and_its_direction_agrees_with_its_median(
    centre: float, width: float, observed: FloatArray, horizon: int
) -> None:
    made = forecast(horizon, centre, width, quantile_table(observed, horizon))
    assert made.lower <= made.median <= made.upper
    assert 0 <= made.probability_up <= 1
    assert (made.probability_up >= 0.5) == (made.median >= 0)


@given(residuals, horizons)
def test_a_table_ascends(observed: FloatArray, horizon: int) -> None:
    assert np.all(np.diff(quantile_table(observed, horizon)) >= 0)


@given(residuals, horizons)
def test_the_sizes_in_a_table_are_numpys_own_quantiles_to_the_last_bit(observed: FloatArray, horizon: int) -> None:
    def numpys(ascending: FloatArray, widening: float) -> FloatArray:
        sizes = np.concatenate((np.arange(100) / 100, [0.995]))
        return np.asarray(np.quantile(ascending, np.minimum(sizes * widening, 1)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forecasting.distribution._quantiles", numpys)
        expected = quantile_table(observed, horizon)
    np.testing.assert_array_equal(quantile_table(observed, horizon), expected)


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_a_table_grows_with_the_residuals(horizon: int) -> None:
    observed = np.random.default_rng(4).standard_t(4, 300)
    small, large = quantile_table(observed, horizon), quantile_table(10 * observed, horizon)
    np.testing.assert_allclose(large, 10 * small, rtol=1e-6, atol=0.02)


def test_a_table_has_its_sizes_alike_on_both_sides_when_rises_are_as_frequent_as_falls() -> None:
    observed = np.random.default_rng(1).standard_t(4, 300)
    quantiles = quantile_table(np.concatenate((observed, -observed)), 1)
    np.testing.assert_allclose(quantiles, -quantiles[::-1], atol=0.01)


def test_a_table_believes_half_of_a_lean_to_rises() -> None:
    observed = np.random.default_rng(1).standard_normal(400)
    observed = np.where(np.arange(400) < 240, np.abs(observed), -np.abs(observed))
    assert forecast(1, 0.0, 1.0, quantile_table(observed, 1)).probability_up == pytest.approx(0.55, abs=0.005)
    assert forecast(5, 0.0, 1.0, quantile_table(observed, 5)).probability_up == pytest.approx(0.525, abs=0.005)
    assert forecast(21, 0.0, 1.0, quantile_table(observed, 21)).probability_up == pytest.approx(0.55, abs=0.005)


def test_a_table_of_few_residuals_over_a_long_horizon_is_wider() -> None:
    observed = np.random.default_rng(2).standard_normal(100)
    low, high = np.searchsorted(PROBABILITIES, [0.05, 0.95])
    near, far = quantile_table(observed, 1), quantile_table(observed, 21)
    assert far[high] - far[low] > near[high] - near[low]


# From any table of Student's distribution: at 90 and 95 percent of its absolute value.
@pytest.mark.parametrize(("freedoms", "expected"), [(10, (1.81246, 2.22814)), (30, (1.69726, 2.04227))])
def test_sizes_are_those_of_student_where_few_residuals_tell_the_scale(
    freedoms: int, expected: tuple[float, float]
) -> None:
    np.testing.assert_allclose(half_student(1 / freedoms)[[90, 95]] / np.sqrt(np.pi / 2), expected, rtol=2e-3)
    assert np.all(np.diff(half_student(1 / 2)) > 0)


def test_the_mean_size_of_a_month_of_overlap_is_worth_a_degree_of_freedom_every_fifteen_sessions() -> None:
    overlap = 1 - np.arange(1, 21) / 21
    # Correlation of the sizes of two normal variables, and 2 (pi / 2 - 1) / n for the squared relative error of a mean.
    alike = 2 / np.pi * (overlap * np.arcsin(overlap) + np.sqrt(1 - overlap**2) - 1) / (1 - 2 / np.pi)
    assert HORIZONS[21].sessions_per_freedom == pytest.approx((np.pi - 2) * (1 + 2 * alike.sum()), abs=0.05)


def test_an_interval_of_overlapping_returns_holds_the_next_one_nearly_as_often_as_it_says() -> None:
    generator, inside = np.random.default_rng(11), []
    for _ in range(1500):
        sums = np.convolve(generator.standard_normal(504 + 41), np.ones(21) / np.sqrt(21), "valid")
        made = forecast(21, 0.0, 1.0, quantile_table(sums[:504], 21))
        inside.append(made.lower <= sums[-1] <= made.upper)
    assert abs(np.mean(inside) - INTERVAL_LEVEL) < 0.005 + 2 * np.sqrt(0.09 / 1500)


@pytest.mark.parametrize("draw", ["normal", "t4", "laplace"])
@pytest.mark.parametrize("count", [60, 250, 504])
def test_an_interval_holds_the_next_residual_about_as_often_as_it_says(count: int, draw: str) -> None:
    generator = np.random.default_rng(7)
    draws = {
        "normal": generator.standard_normal((3000, count + 1)),
        "t4": generator.standard_t(4, (3000, count + 1)),
        "laplace": generator.laplace(size=(3000, count + 1)),
    }[draw]
    inside = []
    for row in draws:
        made = forecast(1, 0.0, 1.0, quantile_table(row[:-1], 1))
        inside.append(made.lower <= row[-1] <= made.upper)
    # Drawing the sizes to those of a normal variable costs up to a point where tails are heavier.
    error = np.sqrt(INTERVAL_LEVEL * (1 - INTERVAL_LEVEL) / len(inside))
    assert abs(np.mean(inside) - INTERVAL_LEVEL) < 0.01 + 3 * error


@given(st.floats(0, 1), st.floats(1, 6))
def test_a_mixture_ascends_and_lies_between_its_parts(chance: float, widening: float) -> None:
    made = mixed(NORMAL, chance, widening)
    assert np.all(np.diff(made) >= 0)
    assert np.all(np.abs(made) >= np.abs(NORMAL) - 1e-9)
    assert np.all(np.abs(made) <= widening * np.abs(NORMAL) + 1e-9)


def test_a_mixture_without_a_chance_is_the_variable_and_with_certainty_the_wide_one() -> None:
    assert mixed(NORMAL, 0.0, 3.0) is NORMAL
    np.testing.assert_allclose(mixed(NORMAL, 1.0, 3.0), 3 * NORMAL, atol=1e-9)


def test_a_mixture_has_the_quantiles_of_draws_from_it() -> None:
    generator = np.random.default_rng(8)
    draws = generator.standard_normal(400_000) * np.where(generator.random(400_000) < 0.3, 4.0, 1.0)
    inner = slice(6, -6)
    np.testing.assert_allclose(
        mixed(NORMAL, 0.3, 4.0)[inner], np.quantile(draws, PROBABILITIES)[inner], rtol=0.03, atol=0.02
    )


@given(st.floats(1e-6, 1 - 1e-6))
def test_a_probability_is_that_of_its_own_quantile(probability: float) -> None:
    whole = Distribution(NORMAL)
    value = whole.quantile(np.array([probability]))
    assert whole.probability_below(value)[0] == pytest.approx(probability, abs=1e-9)


def test_a_distribution_goes_on_beyond_its_quantiles() -> None:
    whole = Distribution(NORMAL)
    values = whole.quantile(np.array([1e-5, 1e-4, 0.0025, 0.5, 0.9975, 1 - 1e-4, 1 - 1e-5]))
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(values, -values[::-1], atol=1e-9)
    assert 0 < whole.probability_below(np.array([-6.0]))[0] < 0.0025
    assert 0.9975 < whole.probability_below(np.array([6.0]))[0] < 1
