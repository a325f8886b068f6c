"""What models are compared with knows the past alone."""

import numpy as np
import pytest

from market.bars import Bars
from tests.training.recipes_of_tests import quick
from training.learning.dataset import make_dataset
from training.learning.pipeline import Trained
from training.learning.walk_forward import walk_forward
from training.scoring.baselines import evaluate_baselines
from training.scoring.evaluation import evaluate


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
def test_is_the_same_for_a_truncated_history(short_bars: Bars, horizon: int) -> None:
    made = []
    for bars in (short_bars, short_bars[:-30]):
        data = make_dataset(bars, horizon)
        made.append(evaluate_baselines(bars, data, evaluate(data, walk_forward(data, quick(200, tested=200)))))
    for name in made[0]:
        whole, part = made[0][name], made[1][name]
        shared = np.isin(part.row, whole.row)
        np.testing.assert_array_equal(part.lower[shared], whole.lower[np.isin(whole.row, part.row)])
