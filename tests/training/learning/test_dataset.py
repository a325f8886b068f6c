"""What a model learns from."""

import numpy as np
import pytest

from features import WARM_UP, Moves, features
from market.bars import Bars
from training.learning.dataset import make_dataset


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_has_a_row_for_every_session_after_the_warm_up(short_bars: Bars, horizon: int) -> None:
    data = make_dataset(short_bars, horizon)
    assert len(data) == len(short_bars) - WARM_UP
    assert data.session[0] == short_bars.session[WARM_UP]
    np.testing.assert_array_equal(data.inputs, features(short_bars, horizon)[WARM_UP:])


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_pairs_each_session_with_the_return_over_the_horizon(short_bars: Bars, horizon: int) -> None:
    data = make_dataset(short_bars, horizon)
    row = 100
    now, later = short_bars.close[WARM_UP + row], short_bars.close[WARM_UP + row + horizon]
    assert data.actual[row] == pytest.approx(later / now - 1)


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_knows_no_return_of_the_last_sessions(short_bars: Bars, horizon: int) -> None:
    data = make_dataset(short_bars, horizon)
    assert np.isnan(data.actual[-horizon:]).all()
    assert np.isfinite(data.actual[: data.known]).all()
    assert np.isfinite(data.log_ratio[: data.known]).all()
    assert np.isnan(data.log_ratio[-horizon:]).all()
    assert data.known == len(data) - horizon


@pytest.mark.parametrize("horizon", [1, 5])
def test_measures_the_width_by_the_true_range_of_the_sessions_ahead(short_bars: Bars, horizon: int) -> None:
    data = make_dataset(short_bars, horizon)
    row = 100
    ahead = Moves(short_bars).true_range[WARM_UP + row : WARM_UP + row + horizon]
    level = data.unit[row] / np.sqrt(horizon)
    assert data.log_ratio[row] == pytest.approx(np.log(np.sqrt(np.mean(ahead**2)) / level))


def test_identifies_the_bars_it_was_made_from(short_bars: Bars) -> None:
    assert make_dataset(short_bars, 1).bars_sha256 == make_dataset(short_bars, 5).bars_sha256
    assert make_dataset(short_bars, 1).bars_sha256 != make_dataset(short_bars[:-1], 1).bars_sha256
