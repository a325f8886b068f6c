"""What models are compared with knows the past alone."""

import numpy as np
import pytest

from forecasting.baseline import baseline_forecast
from market.bars import Bars
from tests.training.recipes_of_tests import quick
from training.learning.dataset import make_dataset
from training.learning.pipeline import Trained
from training.learning.walk_forward import walk_forward
from training.scoring.baselines import evaluate_baselines
from training.scoring.evaluation import Evaluation, evaluate
from training.scoring.served_baseline import evaluate_served


@pytest.mark.parametrize("name", ["baseline", "last_252", "ewma"])
def test_forecasts_every_row_of_the_model(trained: Trained, name: str) -> None:
    made = trained.baselines[name]
    np.testing.assert_array_equal(made.row, trained.evaluation.row)
    assert np.all(made.lower < made.upper)
    assert np.all((made.probability_up >= 0) & (made.probability_up <= 1))


def test_the_last_year_is_that_of_the_returns_known_then(trained: Trained) -> None:
    data, made = trained.data, trained.baselines["last_252"]
    row = int(made.row[50])
    known = data.actual[row - 252 : row]
    assert made.lower[50] == pytest.approx(np.quantile(known, 0.05))
    assert made.upper[50] == pytest.approx(np.quantile(known, 0.95))


@pytest.mark.parametrize("horizon", [1, 21])
def test_the_served_one_is_what_the_service_would_have_said(short_bars: Bars, horizon: int) -> None:
    data = make_dataset(short_bars, horizon)
    offset = len(short_bars) - len(data)
    evaluation = evaluate(data, walk_forward(data, quick(200, tested=None)))
    found = evaluate_baselines(short_bars, data, evaluation)["baseline"]
    for index in [*range(0, len(found.row), 40), len(found.row) - 1]:
        made = baseline_forecast(short_bars[: offset + int(found.row[index]) + 1], horizon)
        for name in ("median", "lower", "upper", "probability_up"):
            assert getattr(found, name)[index] == pytest.approx(getattr(made, name), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("count", [400, 505, 506, 507])
def test_the_served_one_looks_back_less_far_where_there_is_less(short_bars: Bars, count: int) -> None:
    bars = short_bars[:count]
    data = make_dataset(bars, 1)
    rows = np.arange(100, len(data))
    empty = np.zeros(rows.size)
    found = evaluate_served(bars, data, Evaluation(rows, empty, empty, empty, empty, data.actual[rows]))
    offset = len(bars) - len(data)
    expected = [baseline_forecast(bars[: offset + row + 1], 1).upper for row in rows.tolist()]
    np.testing.assert_allclose(found.upper, expected, rtol=1e-12)


@pytest.mark.parametrize("horizon", [1, 21])
def test_is_the_same_for_a_truncated_history(short_bars: Bars, horizon: int) -> None:
    made = []
    for bars in (short_bars, short_bars[:-30]):
        data = make_dataset(bars, horizon)
        made.append(evaluate_baselines(bars, data, evaluate(data, walk_forward(data, quick(200, tested=200)))))
    for name in made[0]:
        whole, part = made[0][name], made[1][name]
        shared = np.isin(part.row, whole.row)
        np.testing.assert_array_equal(part.lower[shared], whole.lower[np.isin(whole.row, part.row)])
