"""A hyperparameter that an environment variable changes, and nothing else, is another version, judged like any."""

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from training.execution.run import run_one


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Few refits, invented prices, the recipe that costs least."""
    for name, value in {"REFIT_EVERY": "900", "TESTED": "200", "RECIPES_TRIED": '["linear"]'}.items():
        monkeypatch.setenv(f"STOCKS_TRAINING__{name}", value)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["simulated"]')
    return MlflowClient(settings.tracking_uri)


@pytest.mark.slow
@pytest.mark.usefixtures("model_store")
def test_it_differs_visibly_and_is_decided_on(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_one(configuration.load(), "AAPL", 1)
    monkeypatch.setenv("STOCKS_TRAINING__RECIPES__LINEAR__WIDTH_ALPHA", "3")
    second = run_one(configuration.load(), "AAPL", 1)

    assert (first.version, second.version) == (1, 2)
    versions = [client.get_model_version("forest-AAPL-1", number) for number in ("1", "2")]
    before, after = (client.get_run(str(version.run_id)).data for version in versions)
    estimated = {"shrinkage"}
    changed = {name for name in before.params if before.params[name] != after.params[name]} - estimated
    assert changed == {"width_alpha"}
    assert (before.params["width_alpha"], after.params["width_alpha"]) == ("30.0", "3.0")
    assert before.tags["recipe_sha256"] != after.tags["recipe_sha256"]
    assert after.tags["decision"] == ("promoted" if second.promoted else "rejected")
    assert "the champion" in after.tags["decision_reason"]
    assert after.tags["decision_reason"] == versions[1].tags["decision_reason"] == second.reason
