"""A comparison is one run in MLflow, with a run below it for each recipe and ticker, and a view that shows them."""

import json

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import ConfigurationError, Settings
from training.comparison.compare import Comparison, compare
from training.mlflow_registry.registry import Registry

RECIPES = ("forest", "linear")


@pytest.fixture
def cheap(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Few trees, few refits, one process, invented prices."""
    for name, value in {
        "RECIPES__FOREST__N_ESTIMATORS": "3",
        "REFIT_EVERY": "900",
        "TESTED": "200",
        "PROCESSES": "1",
    }.items():
        monkeypatch.setenv(f"STOCKS_TRAINING__{name}", value)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["simulated"]')
    assert settings.training.recipes_tried
    return configuration.load()


def test_every_recipe_and_ticker_is_a_run_below_one(cheap: Settings) -> None:
    done: list[None] = []

    found = compare(cheap, RECIPES, ["AAPL", "MSFT"], [1], lambda: done.append(None))

    assert len(done) == 4
    assert [(line.recipe, line.tickers) for line in found.lines] == [("forest", 2), ("linear", 2)]
    client = MlflowClient(cheap.tracking_uri)
    experiment = Registry(cheap).prepare()
    (parent,) = client.search_runs([experiment], "attributes.run_name = 'comparison'")
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert {one.info.run_name for one in children} == {
        f"{recipe} {ticker}-1" for recipe in RECIPES for ticker in ("AAPL", "MSFT")
    }
    (forest, *_) = [one for one in children if one.data.params["recipe"] == "forest"]
    assert forest.data.params["n_estimators"] == "3"
    assert {"interval_score", "coverage", "crps", "seconds", "onnx_bytes", "gain_percent"} <= set(forest.data.metrics)
    _look_at(client, parent.info.run_id, experiment, found)


def _look_at(client: MlflowClient, run_id: str, experiment: str, found: Comparison) -> None:
    """The parent has the table and two pictures; the view that is named shows the runs below it by recipe."""
    assert {one.path for one in client.list_artifacts(run_id)} == {"images", "table.csv"}
    pictures = [one.path for one in client.list_artifacts(run_id, "images") if one.path.endswith(".png")]
    assert {path.removeprefix("images/").split("+")[0].split("%")[0] for path in pictures} == {"recipes", "tickers"}
    view = json.loads(client.get_experiment(experiment).tags["mlflow.sharedViewState.comparison"])
    assert run_id in view["searchFilter"]
    assert [one["groupByData"] for one in view["groupBy"]["groupByKeys"]] == ["recipe"]
    assert "viewStateShareKey=comparison" in found.page
    assert found.failures == []


def test_values_can_be_set_beside_the_configured_ones_of_the_first_recipe(cheap: Settings) -> None:
    found = compare(cheap, ["linear"], ["AAPL"], [1], changed={"width_alpha": 300})

    configured, changed = found.lines
    assert (configured.recipe, changed.recipe) == ("linear", "linear_changed")
    assert changed.gain is not None
    assert configured.means["interval_score"] != changed.means["interval_score"]
    client = MlflowClient(cheap.tracking_uri)
    runs = client.search_runs([Registry(cheap).prepare()], "attributes.run_name = 'linear_changed AAPL-1'")
    assert runs[0].data.params["width_alpha"] == "300.0"


def test_a_value_that_cannot_be_is_refused(cheap: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"training\.recipes\.linear\.widht_alpha"):
        compare(cheap, ["linear"], ["AAPL"], [1], changed={"widht_alpha": 300})
