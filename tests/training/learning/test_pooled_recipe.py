"""What all tickers share knows nothing of any one's future."""

from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

import configuration
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from tests.training.recipes_of_tests import recipe
from training.execution.engine import Engine
from training.execution.pooling import Pools, share
from training.learning.dataset import make_dataset
from training.learning.pipeline import Trained, attempt, export_onnx, train
from training.learning.pooled_recipe import known_rows, pooled
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.recipes.ensemble import Ensemble
from training.scoring.evaluation import Evaluation, evaluate

NAMES = ("median", "lower", "upper", "probability_up")
ALONE = Engine(processes=1)


@pytest.fixture(scope="module")
def config() -> TrainingConfig:
    small = recipe("pooled_boosting").model_copy(
        update={"n_estimators": 5, "min_child_samples": 20, "refit_every": 100, "refit_every_far": 150}
    )
    return TrainingConfig(small, 90, None, 1)


@pytest.fixture(scope="module")
def pool(sessions: Sessions) -> list[Bars]:
    """Tickers of which one is younger and one's prices end earlier."""
    whole = sessions.between(FIRST, np.datetime64("2020-03-31"))
    return [simulate("OLD", whole), simulate("YOUNG", whole[120:]), simulate("STALE", whole[:-10])]


def forecasts(config: TrainingConfig, pool: list[Bars], bars: Bars, horizon: int) -> Evaluation:
    (shared,) = share([config], pool, horizon, ALONE)
    data = make_dataset(bars, horizon)
    return evaluate(data, walk_forward(data, shared))


@pytest.mark.parametrize("horizon", [1, 5])
def test_forecasts_of_truncated_histories_are_the_same(config: TrainingConfig, pool: list[Bars], horizon: int) -> None:
    until = pool[0].session[-40]
    earlier = [bars[: int(np.searchsorted(bars.session, until, side="right"))] for bars in pool]
    for whole, part in zip(pool, earlier, strict=True):
        made, before = forecasts(config, pool, whole, horizon), forecasts(config, earlier, part, horizon)
        assert before.row.size
        for name in NAMES:
            np.testing.assert_array_equal(getattr(before, name), getattr(made, name)[: before.row.size])


def test_no_row_is_learnt_from_before_its_return_is_known(pool: list[Bars]) -> None:
    datasets = [make_dataset(bars, 5) for bars in pool]
    known_on = pool[0].session[500]
    for data in datasets:
        rows = known_rows(data, known_on)
        assert data.session[rows - 1 + 5] <= known_on < data.session[rows + 5]
    assert len(pooled(datasets, known_on).units) == sum(known_rows(data, known_on) for data in datasets)


def test_all_tickers_share_one_file(config: TrainingConfig, pool: list[Bars]) -> None:
    (shared,) = share([config], pool, 1, ALONE)
    made = [train(bars, 1, replace(shared, tested=150)) for bars in pool]

    assert len({one.onnx for one in made}) == 1
    assert len({one.calibration.quantiles.tobytes() for one in made}) == len(pool)


def test_the_tickers_that_were_learnt_from_are_part_of_what_decided(config: TrainingConfig, pool: list[Bars]) -> None:
    (all_of_them,), (two,) = share([config], pool, 1, ALONE), share([config], pool[:2], 1, ALONE)
    assert all_of_them.pool == ("OLD", "STALE", "YOUNG")
    assert all_of_them.fingerprint(1) != two.fingerprint(1)


def test_a_ticker_without_a_pool_learns_alone(config: TrainingConfig, pool: list[Bars]) -> None:
    made = forecasts(config, [], pool[0], 1)
    other = forecasts(config, [pool[0]], pool[0], 1)
    assert made.row.size == other.row.size
    assert not np.array_equal(made.lower, forecasts(config, pool, pool[0], 1).lower)


def test_one_with_too_short_a_history_is_left_out_of_the_pool(config: TrainingConfig, pool: list[Bars]) -> None:
    (shared,) = share([config], [pool[0], pool[1][-100:]], 1, ALONE)
    assert shared.pool == ("OLD",)


def test_simulated_and_real_prices_are_never_pooled(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, pool: list[Bars]
) -> None:
    real = [replace(bars, source="files") for bars in pool[1:]]
    monkeypatch.setattr(
        "training.execution.pooling.load", lambda *_given: ({bars.ticker: bars for bars in [pool[0], *real]}, {})
    )
    pools = Pools(configuration.load(), [config], ALONE)

    assert [pools.configs_for(1, simulated=kind)[0].pool for kind in (True, False)] == [("OLD",), ("STALE", "YOUNG")]


def test_a_recipe_that_learns_nothing_from_the_pool_is_no_other_recipes_trouble(
    config: TrainingConfig, pool: list[Bars]
) -> None:
    broken = replace(config, recipe=config.recipe.model_copy(update={"num_leaves": "many"}))
    alone = TrainingConfig(recipe("linear"), 63, 200, 1)
    with capture_logs() as lines:  # a traceback with all values, as structlog has it by itself, takes half a minute
        shared = share([broken, alone], pool, 1, ALONE)

    assert [line["event"] for line in lines] == ["pool.failed"]
    reasons = [attempt(pool[0], 1, one) for one in shared]
    assert str(reasons[0]).startswith("OLD: pooled_boosting: ")
    assert isinstance(reasons[1], Trained)


def test_nothing_is_loaded_for_recipes_of_one_ticker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("training.execution.pooling.load")
    configs = [TrainingConfig(recipe("forest"), 63, 756, 1)]
    assert Pools(configuration.load(), configs, ALONE).configs_for(1, simulated=False) == configs


def test_onnx_and_lightgbm_decide_alike_at_every_split(config: TrainingConfig, pool: list[Bars]) -> None:
    """The inputs stand on the splits themselves, where rounding would show."""
    datasets = [make_dataset(bars, 1) for bars in pool]
    fitted = config.fit(datasets[0], datasets[0].known)
    booster = fitted.model.estimators_[1][-1].booster_
    splits = booster.trees_to_dataframe()[["split_feature", "threshold"]].dropna()
    inputs = datasets[0].inputs[: len(splits)].copy()
    assert len(inputs) == len(splits) > 0
    first = inputs.shape[1] - booster.num_feature()
    for row, (feature, threshold) in enumerate(splits.itertuples(index=False)):
        inputs[row, first + int(feature.removeprefix("Column_"))] = threshold
    assert (splits.threshold == splits.threshold.astype(np.float32)).all()
    assert export_onnx(config.recipe, fitted, replace(datasets[0], inputs=inputs))


def test_a_recipe_that_contains_one_passes_on_what_it_learnt(config: TrainingConfig, pool: list[Bars]) -> None:
    both = Ensemble(members=(config.recipe, recipe("linear")), held_out=60, sharpness=1.0)
    (shared,) = share([replace(config, recipe=both)], pool, 1, ALONE)
    files = []
    for bars in pool[:2]:
        data = make_dataset(bars, 1)
        assert isinstance(shared.recipe, Ensemble)
        member = shared.recipe.members[0]
        files.append(export_onnx(member, member.fit(data, data.known, 1), data))
    assert files[0] == files[1]
    assert shared.pool == ("OLD", "STALE", "YOUNG")
