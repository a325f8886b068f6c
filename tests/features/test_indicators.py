"""Single indicators against values worked out by hand."""

import numpy as np
import pytest

from features import price, volatility
from features.windows import exponential_weights, trailing, trailing_mean
from market.bars import Bars
from market.sessions import Sessions


@pytest.fixture
def bars(sessions: Sessions) -> Bars:
    close = np.array([10.0, 11.0, 9.9, 9.9, 12.0, 12.0])
    opened = np.array([10.0, 10.0, 11.0, 9.9, 11.0, 12.0])
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    return Bars("HAND", "files", sessions.session[:6], opened, high, low, close, np.array([1.0, 2, 3, 4, 5, 15]))


def test_a_window_holds_the_last_values_oldest_first() -> None:
    np.testing.assert_array_equal(trailing(np.arange(5.0), 3, 2), [[1, 2, 3], [2, 3, 4]])


def test_a_window_that_reaches_before_the_start_is_filled() -> None:
    np.testing.assert_array_equal(trailing(np.array([7.0]), 3, 1, fill=0.0), [[0, 0, 7]])


def test_a_mean_of_too_few_values_is_missing() -> None:
    np.testing.assert_array_equal(trailing_mean(np.array([1.0, 3.0]), 2, 2), [np.nan, 2.0])


def test_exponential_weights_favour_the_newest_and_sum_to_almost_one() -> None:
    weights = exponential_weights(0.94)
    assert weights[-1] == pytest.approx(0.06)
    assert weights[-2] == pytest.approx(0.06 * 0.94)
    assert weights.sum() == pytest.approx(1, abs=1e-6)


def test_change_is_the_simple_return(bars: Bars) -> None:
    np.testing.assert_allclose(price.change(bars, 1, 3), [0.0, 12 / 9.9 - 1, 0.0])
    np.testing.assert_allclose(price.change(bars, 5, 1), [0.2])


def test_close_to_mean(bars: Bars) -> None:
    np.testing.assert_allclose(price.close_to_mean(bars, 2, 1), [1.0])
    np.testing.assert_allclose(price.mean_to_mean(bars, 1, 2, 2), [12 / 10.95, 1.0])


def test_volume_to_mean(bars: Bars) -> None:
    np.testing.assert_allclose(price.volume_to_mean(bars, 2, 1), [1.5])


def test_high_low_range(bars: Bars) -> None:
    np.testing.assert_allclose(price.high_low_range(bars, 1), [1 / 12])


def test_relative_strength_is_missing_before_fourteen_bars(bars: Bars) -> None:
    assert np.isnan(price.relative_strength(bars, 6)).all()


def test_relative_strength_without_a_fall_is_a_hundred(sessions: Sessions) -> None:
    close = np.arange(10.0, 40.0)
    rising = Bars("RISE", "files", sessions.session[:30], close, close, close, close, close)
    assert price.relative_strength(rising, 1)[0] == 100


def test_volatility_level_of_equal_moves_is_their_size(sessions: Sessions) -> None:
    close = 10 * 1.01 ** np.arange(30.0)
    bars = Bars("GROW", "files", sessions.session[:30], close, close, close, close, close)
    level = volatility.volatility_level(bars, 30)
    assert np.isnan(level[0])
    np.testing.assert_allclose(level[1:], 0.01)


def test_volatility_level_of_a_still_price_is_small_but_positive(sessions: Sessions) -> None:
    still = np.full(30, 10.0)
    bars = Bars("FLAT", "files", sessions.session[:30], still, still, still, still, still)
    assert volatility.volatility_level(bars, 1)[0] == volatility.STILLNESS


def test_garman_klass_of_a_session_that_opens_and_closes_alike_is_half_its_squared_span(sessions: Sessions) -> None:
    flat, high, low = np.array([10.0]), np.array([11.0]), np.array([9.0])
    bars = Bars("SPAN", "files", sessions.session[:1], flat, high, low, flat, flat)
    np.testing.assert_allclose(volatility.garman_klass(bars), [0.5 * np.log(11 / 9) ** 2])


def test_a_recent_loss_is_negative_and_rises_do_not_count(bars: Bars) -> None:
    level = np.array([0.1])
    np.testing.assert_allclose(volatility.recent_loss(bars, 4, level), [-0.1 / 4 / 0.1])


def test_an_overnight_gap_is_measured_from_the_last_close(bars: Bars) -> None:
    np.testing.assert_allclose(volatility.overnight_gap(bars, 1, np.array([0.5])), [0.0])
    gap = abs(11 / 9.9 - 1)
    np.testing.assert_allclose(volatility.overnight_gap(bars, 2, np.array([0.5])), [gap / 2 / 0.5])
