"""Forecasts of the past know nothing of its future."""

import numpy as np
import pytest

from market.bars import Bars
from tests.training.recipes_of_tests import quick
from training.errors import TooFewSessions
from training.learning.dataset import make_dataset
from training.learning.walk_forward import FIRST_TRAINING, PRIOR_SHRINKAGE, calibrate, shrinkage_of, walk_forward
from training.scoring.evaluation import distributions, evaluate


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_of_a_truncated_history_are_the_same(short_bars: Bars, horizon: int) -> None:
    whole = make_dataset(short_bars, horizon)
    outputs = walk_forward(whole, quick())
    made = evaluate(whole, outputs)
    cut = len(short_bars) - 37
    part = make_dataset(short_bars[:cut], horizon)
    earlier = evaluate(part, walk_forward(part, quick()))
    for name in ("row", "median", "lower", "upper", "probability_up"):
        np.testing.assert_array_equal(getattr(earlier, name), getattr(made, name)[: earlier.row.size])


def test_change_with_no_later_bar(short_bars: Bars) -> None:
    changed_at = len(short_bars) - 50
    close = short_bars.close.copy()
    close[changed_at:] = short_bars.high[changed_at:]
    columns = {name: getattr(short_bars, name) for name in ("session", "open", "high", "low", "volume")}
    changed = Bars(ticker="TEST", source="files", close=close, **columns)
    rows = [evaluate(data, walk_forward(data, quick())) for data in (make_dataset(b, 1) for b in (short_bars, changed))]
    before = rows[0].row < changed_at - 66
    np.testing.assert_array_equal(rows[0].lower[before], rows[1].lower[before])
    assert not np.array_equal(rows[0].lower[~before], rows[1].lower[~before])


def test_need_a_history_and_say_how_long(short_bars: Bars) -> None:
    data = make_dataset(short_bars[:300], 5)
    with pytest.raises(TooFewSessions, match=r"TEST: 234 sessions with all inputs, but 322 are needed at horizon 5"):
        walk_forward(data, quick())


def test_skip_no_session_to_the_last(short_bars: Bars) -> None:
    data = make_dataset(short_bars, 5)
    made = evaluate(data, walk_forward(data, quick()))
    np.testing.assert_array_equal(np.diff(made.row), 1)
    assert made.row[-1] == len(data) - 1
    assert np.isnan(made.actual[-5:]).all()


def test_calibration_uses_only_returns_known_on_its_session(short_bars: Bars) -> None:
    data = make_dataset(short_bars, 5)
    outputs = walk_forward(data, quick())
    now = FIRST_TRAINING + 200
    found = calibrate(data, outputs, now)
    data.actual.setflags(write=True)
    data.actual[now - 5 + 1 :] = 99.0
    again = calibrate(data, outputs, now)
    assert again.shrinkage == found.shrinkage
    np.testing.assert_array_equal(again.quantiles, found.quantiles)
    assert 0 <= found.shrinkage <= 1


def test_of_the_last_sessions_alone_share_their_folds_with_those_of_all(short_bars: Bars) -> None:
    data = make_dataset(short_bars, 1)
    whole, part = walk_forward(data, quick(50)), walk_forward(data, quick(50, tested=120))
    assert (part.first - whole.first) % 50 == 0
    assert 120 <= len(data) - part.first < 170
    np.testing.assert_array_equal(part.log_ratio, whole.log_ratio[part.first - whole.first :])


def test_an_expected_return_that_says_nothing_is_hardly_believed() -> None:
    generator = np.random.default_rng(5)
    expected, units = generator.standard_normal((2, 500))
    assert shrinkage_of(0.1 * expected, units, horizon=1) < 0.35
    assert shrinkage_of(expected, units, horizon=1) < 0.15


def test_an_expected_return_that_is_right_is_believed_the_more_the_longer_it_is() -> None:
    generator = np.random.default_rng(5)
    expected = generator.standard_normal(4000)
    units = expected + generator.standard_normal(4000)
    beliefs = [shrinkage_of(expected[:count], units[:count], horizon=1) for count in (30, 200, 4000)]
    assert beliefs[0] == PRIOR_SHRINKAGE
    assert beliefs == sorted(beliefs)
    assert beliefs[-1] > 0.9


def test_the_whole_distribution_is_the_one_that_the_forecast_is_read_from(short_bars: Bars) -> None:
    data = make_dataset(short_bars, 5)
    outputs = walk_forward(data, quick(refit_every=200))
    made, whole = evaluate(data, outputs), distributions(data, outputs)
    assert len(whole) == made.row.size
    found = np.array([one.quantile(np.array([0.05, 0.5, 0.95])) for one in whole])
    np.testing.assert_allclose(found, np.column_stack((made.lower, made.median, made.upper)), rtol=1e-12, atol=1e-15)
