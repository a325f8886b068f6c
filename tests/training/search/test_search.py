"""A search sees no scored session, goes on where it ended, and is shown in MLflow."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from features import WARM_UP
from market.bars import Bars
from tests.training.recipes_of_tests import quick, recipe
from training.errors import NoSearch
from training.learning.dataset import make_dataset
from training.learning.walk_forward import walk_forward
from training.mlflow_registry.registry import Registry
from training.search.earlier import before_scored
from training.search.search import search
from training.search.space import Range, space_of


@pytest.fixture
def cheap(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One process, one refit, invented prices."""
    for name, value in {"REFIT_EVERY": "300", "TESTED": "200", "PROCESSES": "1"}.items():
        monkeypatch.setenv(f"STOCKS_TRAINING__{name}", value)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["simulated"]')
    assert settings.training.recipes_tried
    return configuration.load()


@pytest.mark.parametrize("tested", [100, 240, 400])
def test_the_bars_of_a_search_end_before_the_first_forecast_that_is_scored(short_bars: Bars, tested: int) -> None:
    config = quick(refit_every=60, tested=tested, name="linear")
    data = make_dataset(short_bars, 1)
    first = walk_forward(data, config).first

    earlier = before_scored(short_bars, config)

    assert len(earlier) == WARM_UP + first
    assert earlier.session[-1] < data.session[first]


def test_what_comes_after_them_is_not_in_them(short_bars: Bars) -> None:
    config = quick(refit_every=60, tested=240, name="linear")
    earlier = before_scored(short_bars, config)
    after = np.arange(len(short_bars)) >= len(earlier)
    changed = replace(short_bars, volume=np.where(after, short_bars.volume + 1, short_bars.volume))

    assert before_scored(changed, config).fingerprint() == earlier.fingerprint()
    assert changed.fingerprint() != short_bars.fingerprint()


def test_a_range_reaches_as_far_as_the_bounds_allow() -> None:
    space = space_of(recipe("forest"))

    assert space["n_estimators"] == Range(12, 200, integer=True)
    assert space["max_samples"] == Range(0.125, 1, integer=False)
    assert space["max_depth"] == Range(1, 16, integer=True)
    assert "members" not in space_of(recipe("ensemble"))


def test_trials_are_runs_and_a_search_goes_on_where_it_ended(cheap: Settings) -> None:
    done: list[int] = []

    first = search(cheap, "linear", ["AAPL"], [1], trials=2, on_trial=done.append)
    again = search(cheap, "linear", ["AAPL"], [1], trials=3, on_trial=done.append)

    assert done == [0, 1, 2, 2, 3]
    assert (first.trials, again.trials) == (2, 3)
    assert again.configured == {"expected_alpha": 3000.0, "width_alpha": 30.0}
    assert again.score >= first.score >= first.configured_score == again.configured_score
    client, experiment = MlflowClient(cheap.tracking_uri), Registry(cheap).prepare()
    trials = client.search_runs([experiment], "tags.trial != ''")
    assert len({run.data.params["width_alpha"] for run in trials}) == 3
    parents = {run.data.tags["mlflow.parentRunId"] for run in trials}
    assert {client.get_run(run_id).info.run_name for run_id in parents} == {"search linear"}
    assert "viewStateShareKey=search" in again.page


def test_without_the_optional_packages_it_says_how_to_install_them(
    cheap: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(NoSearch, match="run `make search`"):
        search(cheap, "linear", ["AAPL"], [1], trials=1)


def test_a_damaged_database_is_named_in_one_line(cheap: Settings, tmp_path: Path) -> None:
    (tmp_path / "search.db").write_bytes(b"no database" * 1000)

    with pytest.raises(NoSearch, match=r"search\.db: .*; move it away to begin anew$"):
        search(cheap, "linear", ["AAPL"], [1], trials=1)
