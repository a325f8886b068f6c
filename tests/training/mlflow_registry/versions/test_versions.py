"""What is read of the versions in a real MLflow store."""

import numpy as np
from mlflow.tracking import MlflowClient

from configuration import Settings
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.versions.rivals import Rival
from training.publishing.operations import (
    release,
)


def test_the_newest_version_is_that_of_the_highest_number(registry: Registry, settings: Settings) -> None:
    client = MlflowClient(settings.tracking_uri)
    client.create_registered_model("forest-TEST-1")
    for _ in range(11):
        client.create_model_version("forest-TEST-1", str(settings.home))
    client.set_model_version_tag("forest-TEST-1", "11", "decision", "rejected")
    client.set_model_version_tag("forest-TEST-1", "9", "decision", "promoted")
    assert (registry.standing("TEST", 1).newest, registry.standing("TEST", 1).decision) == (11, "rejected")


def test_a_champion_is_compared_by_the_forecasts_it_was_recorded_with(registry: Registry, trained: Trained) -> None:
    release(registry, registry.record(trained))
    champion = registry.rival("TEST", 1, simulated=True).candidate
    assert champion is not None
    np.testing.assert_array_equal(champion.scores(), trained.candidate.scores())
    assert champion.recipe == trained.candidate.recipe


def test_a_champion_of_the_other_kind_of_prices_is_no_rival(registry: Registry, trained: Trained) -> None:
    release(registry, registry.record(trained))
    assert registry.rival("TEST", 1, simulated=False) == Rival(version=1)
