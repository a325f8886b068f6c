"""The feature matrix: one row per session, the same however it is computed, and blind to the future."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import NAMES, WARM_UP, WINDOW, features, features_and_level, latest
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate

lengths = st.integers(min_value=WARM_UP + 1, max_value=WINDOW + 150)
horizons = st.sampled_from([1, 5, 21])
names = st.text("ABCDEFGHIJ", min_size=1, max_size=4)
relaxed = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def series(sessions: Sessions, name: str, length: int) -> Bars:
    return simulate(name, sessions.session[sessions.session >= FIRST][:length])


def test_has_one_float32_row_per_session_and_one_column_per_name(simulated_bars: Bars) -> None:
    matrix = features(simulated_bars, 1)
    assert matrix.shape == (len(simulated_bars), len(NAMES))
    assert matrix.dtype == np.float32


def test_is_complete_after_the_warm_up_and_not_before(simulated_bars: Bars) -> None:
    matrix = features(simulated_bars, 1)
    assert np.isfinite(matrix[WARM_UP:]).all()
    assert np.isnan(matrix[:WARM_UP]).any(axis=1).all()


@relaxed
@given(name=names, length=lengths, horizon=horizons, data=st.data())
def test_of_a_truncated_history_equals_the_truncated_matrix(
    sessions: Sessions, name: str, length: int, horizon: int, data: st.DataObject
) -> None:
    bars = series(sessions, name, length)
    cut = data.draw(st.integers(2, length))
    inputs, level = features_and_level(bars, horizon)
    earlier, earlier_level = features_and_level(bars[:cut], horizon)
    np.testing.assert_array_equal(earlier, inputs[:cut])
    np.testing.assert_array_equal(earlier_level, level[:cut])


@relaxed
@given(name=names, length=lengths, horizon=horizons)
def test_of_the_last_row_alone_equals_the_last_row_of_the_whole_history(
    sessions: Sessions, name: str, length: int, horizon: int
) -> None:
    bars = series(sessions, name, length)
    inputs, level = features_and_level(bars, horizon)
    last, last_level = features_and_level(bars[-WINDOW:], horizon, rows=1)
    np.testing.assert_array_equal(last[0], inputs[-1])
    assert last_level[0] == level[-1]


@relaxed
@given(lengths=st.lists(st.integers(2, WINDOW + 50), min_size=1, max_size=6), horizon=horizons)
def test_of_several_series_together_equals_that_of_each_alone(
    sessions: Sessions, lengths: list[int], horizon: int
) -> None:
    several = [series(sessions, f"S{index}", length) for index, length in enumerate(lengths)]
    inputs, level = latest(several, horizon)
    alone = [features_and_level(bars[-WINDOW:], horizon, rows=1) for bars in several]
    np.testing.assert_array_equal(inputs, np.concatenate([row for row, _ in alone]))
    np.testing.assert_array_equal(level, np.concatenate([one for _, one in alone]))


@relaxed
@given(name=names, factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_does_not_depend_on_the_unit_of_price_or_volume(sessions: Sessions, name: str, factor: float) -> None:
    bars = series(sessions, name, 200)
    prices = {column: getattr(bars, column) * factor for column in ("open", "high", "low", "close")}
    scaled = Bars(bars.ticker, bars.source, bars.session, volume=bars.volume / factor, **prices)
    np.testing.assert_allclose(features(scaled, 1)[WARM_UP:], features(bars, 1)[WARM_UP:], rtol=1e-5, atol=1e-6)


def test_changes_in_no_earlier_row_when_a_later_bar_does(simulated_bars: Bars) -> None:
    close = simulated_bars.close.copy()
    close[1000:] = simulated_bars.low[1000:]
    columns = {name: getattr(simulated_bars, name) for name in ("session", "open", "high", "low", "volume")}
    changed = Bars(ticker="TEST", source="files", close=close, **columns)
    np.testing.assert_array_equal(features(changed, 1)[:1000], features(simulated_bars, 1)[:1000])
    assert not np.array_equal(features(changed, 1)[1000:], features(simulated_bars, 1)[1000:])


@pytest.mark.parametrize("volume", [0.0, 1.0])
def test_is_finite_for_a_price_that_never_moves(sessions: Sessions, volume: float) -> None:
    length = 300
    still = np.full(length, 10.0)
    session = sessions.session[:length]
    bars = Bars("FLAT", "files", session, still, still, still, still, np.full(length, volume))
    assert np.isfinite(features(bars, 1)[WARM_UP:]).all()


def test_of_too_few_bars_is_all_gaps_somewhere(simulated_bars: Bars) -> None:
    assert np.isnan(features(simulated_bars[:30], 1)).any(axis=1).all()


def test_of_real_bars_is_complete(real_bars: dict[str, Bars]) -> None:
    for bars in real_bars.values():
        assert np.isfinite(features(bars, 1)[WARM_UP:]).all()
