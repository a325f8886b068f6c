"""Single indicators against values worked out by hand."""

import numpy as np
import pytest

from features import calendar, price, volatility
from features.moves import SMALLEST_VOLATILITY, Moves
from features.windows import exponential_weights, moving_mean, trailing, trailing_mean
from market.bars import Bars, FloatArray
from market.calendar.sessions import Sessions


@pytest.fixture
def moves(sessions: Sessions) -> Moves:
    close = np.array([10.0, 11.0, 9.9, 9.9, 12.0, 12.0])
    opened = np.array([10.0, 10.0, 11.0, 9.9, 11.0, 12.0])
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    volume = np.array([1.0, 2, 3, 4, 5, 15])
    return Moves(Bars("HAND", "files", sessions.session[:6], opened, high, low, close, volume))


def moves_of(sessions: Sessions, close: FloatArray, opened: FloatArray | None = None) -> Moves:
    """Sessions that open where they close unless told, never above or below, on a constant volume."""
    opened = close if opened is None else opened
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    volume = np.full(close.size, 1e6)
    return Moves(Bars("MADE", "files", sessions.session[: close.size], opened, high, low, close, volume))


def test_a_window_holds_the_last_values_oldest_first() -> None:
    np.testing.assert_array_equal(trailing(np.arange(5.0), 3, 2), [[1, 2, 3], [2, 3, 4]])


def test_a_window_that_reaches_before_the_start_is_filled() -> None:
    np.testing.assert_array_equal(trailing(np.array([7.0]), 3, 1, fill=0.0), [[0, 0, 7]])


def test_a_mean_of_too_few_values_is_missing() -> None:
    np.testing.assert_array_equal(trailing_mean(np.array([1.0, 3.0]), 2, 2), [np.nan, 2.0])


@pytest.mark.parametrize("length", [1, 2, 3, 20, 50])
def test_a_moving_mean_is_that_of_each_window_and_the_same_wherever_the_series_begins(length: int) -> None:
    values = np.random.default_rng(7).lognormal(size=(2, 50))
    found = moving_mean(values, length)
    np.testing.assert_allclose(found, trailing_mean(values, length, 51 - length), rtol=1e-13)
    np.testing.assert_array_equal(moving_mean(values[:, 50 - length :], length)[:, 0], found[:, -1])


def test_exponential_weights_favour_the_newest_and_sum_to_almost_one() -> None:
    weights = exponential_weights(0.94)
    assert weights[-1] == pytest.approx(0.06)
    assert weights[-2] == pytest.approx(0.06 * 0.94)
    assert weights.sum() == pytest.approx(1, abs=1e-6)


def test_change_is_the_simple_return(moves: Moves) -> None:
    np.testing.assert_allclose(price.change(moves, 1, 3), [0.0, 12 / 9.9 - 1, 0.0])
    np.testing.assert_allclose(price.change(moves, 5, 1), [0.2])


def test_close_to_mean(moves: Moves) -> None:
    np.testing.assert_allclose(price.close_to_mean(moves, 2, 1), [1.0])
    np.testing.assert_allclose(price.mean_to_mean(moves, 1, 2, 2), [12 / 10.95, 1.0])


def test_volume_to_mean(moves: Moves) -> None:
    np.testing.assert_allclose(price.volume_to_mean(moves, 2, 1), [1.5])
    np.testing.assert_allclose(price.log_volume_surge(moves, 2, 1), [np.log(15) - np.log(5 * 15) / 2])


def test_high_low_range(moves: Moves) -> None:
    np.testing.assert_allclose(price.high_low_range(moves, 1), [1 / 12])


def test_relative_strength_is_missing_before_fourteen_bars(moves: Moves) -> None:
    assert np.isnan(price.relative_strength(moves, 6)).all()


def test_relative_strength_without_a_fall_is_a_hundred(sessions: Sessions) -> None:
    assert price.relative_strength(moves_of(sessions, np.arange(10.0, 40.0)), 1)[0] == 100


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_the_level_of_equal_overnight_moves_is_their_size(sessions: Sessions, horizon: int) -> None:
    level = volatility.volatility_level(moves_of(sessions, 10 * 1.01 ** np.arange(30.0)), horizon, 30)
    assert np.isnan(level[0])
    np.testing.assert_allclose(level[1:], np.sqrt(0.01**2 + SMALLEST_VOLATILITY**2))


def test_the_level_of_a_farther_horizon_is_slower(sessions: Sessions) -> None:
    steps = np.r_[np.full(200, 0.001), np.full(5, 0.05)]
    moves = moves_of(sessions, 10 * np.cumprod(1 + steps))
    levels = [volatility.volatility_level(moves, horizon, 1)[0] for horizon in (1, 5, 21)]
    assert levels == sorted(levels, reverse=True)


def test_the_level_of_a_still_price_is_small_but_positive(sessions: Sessions) -> None:
    moves = moves_of(sessions, np.full(30, 10.0))
    assert volatility.volatility_level(moves, 1, 1)[0] == pytest.approx(SMALLEST_VOLATILITY)


def test_garman_klass_of_a_session_that_opens_and_closes_alike_is_half_its_squared_span(sessions: Sessions) -> None:
    flat, high, low = np.array([10.0]), np.array([11.0]), np.array([9.0])
    moves = Moves(Bars("SPAN", "files", sessions.session[:1], flat, high, low, flat, flat))
    np.testing.assert_allclose(moves.garman_klass, [0.5 * np.log(11 / 9) ** 2])


def test_the_true_range_reaches_back_to_the_last_close(moves: Moves) -> None:
    assert moves.true_range[3] == pytest.approx(np.log(12.5 / 9.9))


def test_a_loss_is_negative_and_a_rise_is_none(moves: Moves) -> None:
    level = np.full(4, 0.1)
    np.testing.assert_allclose(volatility.loss(moves, 1, level), [-1.0, 0.0, 0.0, 0.0], atol=1e-12)


def test_moves_are_relative_to_the_level(moves: Moves) -> None:
    level = np.array([0.1])
    assert volatility.last_move(moves, level)[0] == 0
    assert volatility.log_largest_move(moves, 2, level)[0] == pytest.approx(np.log((12 / 9.9 - 1) / 0.1))
    assert volatility.log_move(moves, 2, level)[0] == pytest.approx(np.log((12 / 9.9 - 1) / 2 / 0.1))
    assert volatility.log_gap(moves, 2, level)[0] == pytest.approx(np.log((11 / 9.9 - 1) / 2 / 0.1))


def test_a_weekend_follows_a_friday(sessions: Sessions) -> None:
    moves = moves_of(sessions, np.full(20, 10.0))
    weekday = moves.bars.session.astype(object)
    expected = [3.0 if day.weekday() == 4 else 1.0 for day in weekday]
    np.testing.assert_array_equal(calendar.days_ahead(moves, 20), expected)


@pytest.fixture
def quarterly(sessions: Sessions) -> Moves:
    """A still market that gaps by a tenth on three times the volume in session 100."""
    length = 240
    close = 10 + 0.01 * (np.arange(length) % 2).astype(np.float64)
    close[100:] *= 1.1
    volume = np.full(length, 1e6)
    volume[100] *= 3
    return Moves(Bars("SHOUT", "files", sessions.session[:length], close, close, close, close, volume))


def test_an_event_that_stands_out_scores_high(quarterly: Moves) -> None:
    events = calendar.isolated_events(quarterly)
    assert np.argmax(events) == 100
    assert events[100] > 0.9
    assert np.delete(events, 100).max() == 0


def test_an_event_is_expected_again_a_quarter_later(quarterly: Moves) -> None:
    heard = calendar.echo(quarterly, 240)
    # The bar before the 63rd session after the event forecasts that very session.
    assert np.argmax(heard) == 100 + 63 - 1
    assert np.flatnonzero(heard).tolist() == [*range(157, 168), *range(220, 231)]


def test_a_crisis_is_no_isolated_event(sessions: Sessions) -> None:
    steps = np.where(np.arange(240) >= 100, 0.05, 0.001) * (-1.0) ** np.arange(240)
    moves = moves_of(sessions, 10 * np.cumprod(1 + steps))
    assert calendar.echo(moves, 100).max() < 0.05
