"""A forecast is read from one distribution, so its parts never disagree."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.distribution import INTERVAL_LEVEL, PROBABILITIES, forecast, table

NORMAL = np.array([NormalDist().inv_cdf(probability) for probability in PROBABILITIES])

centres = st.floats(-0.2, 0.2)
widths = st.floats(1e-4, 0.5)
samples = st.lists(st.floats(-10, 10), min_size=1, max_size=600).map(np.array)


def test_reads_the_interval_of_a_known_distribution() -> None:
    made = forecast(1, 0.001, 0.02, NORMAL)
    assert made.lower == pytest.approx(0.001 - 1.645 * 0.02, abs=1e-4)
    assert made.upper == pytest.approx(0.001 + 1.645 * 0.02, abs=1e-4)
    assert made.median == pytest.approx(0.001)
    assert made.probability_up == pytest.approx(NormalDist(0.001, 0.02).cdf(0.002), abs=1e-3)


@given(centres, widths, samples)
def test_is_ordered_and_its_direction_agrees_with_its_median(
    centre: float, width: float, observed: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    made = forecast(5, centre, width, table(observed))
    assert made.lower <= made.median <= made.upper
    assert 0 <= made.probability_up <= 1
    assert (made.probability_up >= 0.5) == (made.median >= 0)


@given(samples)
def test_a_table_ascends_within_what_was_observed(observed: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    quantiles = table(observed)
    assert np.all(np.diff(quantiles) >= 0)
    assert quantiles[0] >= observed.min()
    assert quantiles[-1] <= observed.max()


def test_a_table_of_few_samples_is_wider_than_one_of_many() -> None:
    few, many = table(np.linspace(-1, 1, 20)), table(np.linspace(-1, 1, 2000))
    low, high = np.searchsorted(PROBABILITIES, [0.05, 0.95])
    assert few[high] - few[low] > many[high] - many[low]


@pytest.mark.parametrize("count", [60, 250, 504])
def test_an_interval_from_exchangeable_misses_holds_the_next_at_least_as_often_as_it_says(count: int) -> None:
    generator = np.random.default_rng(7)
    draws = generator.standard_t(4, size=(4000, count + 1))
    inside = []
    for row in draws:
        made = forecast(1, 0.0, 1.0, table(row[:-1]))
        inside.append(made.lower <= row[-1] <= made.upper)
    error = np.sqrt(INTERVAL_LEVEL * (1 - INTERVAL_LEVEL) / len(inside))
    assert abs(np.mean(inside) - INTERVAL_LEVEL) < 3.5 * error
