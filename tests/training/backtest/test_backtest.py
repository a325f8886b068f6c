"""A backtest is one run in MLflow with a run below it for each strategy and cost, and counts what was tried before."""

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from training.backtest.backtest import COSTS, backtest
from training.backtest.strategies import STRATEGIES
from training.errors import NoBacktest
from training.mlflow_registry.registry import Registry


@pytest.fixture
def cheap(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One process, few refits, invented prices."""
    for name, value in {"REFIT_EVERY": "300", "TESTED": "500", "PROCESSES": "1"}.items():
        monkeypatch.setenv(f"STOCKS_TRAINING__{name}", value)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["simulated"]')
    assert settings.training.recipes_tried
    return configuration.load()


def test_every_strategy_is_scored_at_every_cost(cheap: Settings) -> None:
    registry = Registry(cheap)
    with registry.pipeline_run("before", {}):
        for tried in ("one", "two", "two"):
            registry.log_scores(tried, {"recipe_sha256": tried}, {}, {})

    found = backtest(cheap, "linear", ["AAPL", "MSFT"])

    assert found.trials == 2 * len(STRATEGIES)
    assert found.simulated
    assert [(one.strategy, one.cost_basis_points) for one in found.results] == [
        (name, cost) for cost in COSTS for name in STRATEGIES
    ]
    for name in STRATEGIES:
        free, _, dear = [one for one in found.results if one.strategy == name]
        assert free.annual_return > dear.annual_return, "costs cost"
        assert free.turnover == dear.turnover
        assert 0 <= dear.deflated_sharpe <= free.deflated_sharpe <= 1
    client, experiment = MlflowClient(cheap.tracking_uri), registry.prepare()
    (parent,) = client.search_runs([experiment], "attributes.run_name = 'backtest'")
    below = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert len(below) == len(COSTS) * len(STRATEGIES)
    assert {one.path for one in client.list_artifacts(parent.info.run_id)} == {"images", "table.csv"}
    assert "viewStateShareKey=backtest" in found.page


def test_a_ticker_without_forecasts_is_named(cheap: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cheap.training.tested
    monkeypatch.setenv("STOCKS_TRAINING__REFIT_EVERY", "1000000")
    monkeypatch.setattr("training.learning.walk_forward.FIRST_TRAINING", 100_000)
    with pytest.raises(NoBacktest, match=r"AAPL: .* sessions with all inputs, but .* are needed"):
        backtest(configuration.load(), "linear", ["AAPL"])
