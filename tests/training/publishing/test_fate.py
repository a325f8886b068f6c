"""What a promotion by hand says of the next training."""

from configuration import Settings
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.publishing.operations import fate_in_next_training, promote


def trying(settings: Settings, *recipes: str) -> Settings:
    return settings.model_copy(update={"training": settings.training.model_copy(update={"recipes_tried": recipes})})


def test_it_says_what_happens_to_a_recipe_that_is_not_tried(
    registry: Registry, trained: Trained, settings: Settings
) -> None:
    version = registry.record(trained).version
    promote(registry, "TEST", 1, version)

    said = fate_in_next_training(trying(settings, "linear", "boosting"), "TEST", 1)

    assert said.startswith("TEST at horizon 1: `training.recipes_tried` has no forest")
    assert "replaces it where linear or boosting is better by 0.2%" in said
    assert """STOCKS_TRAINING__RECIPES_TRIED='["forest"]'""" in said


def test_it_says_nothing_of_a_recipe_that_is_tried(registry: Registry, trained: Trained, settings: Settings) -> None:
    promote(registry, "TEST", 1, registry.record(trained).version)

    assert fate_in_next_training(trying(settings, "linear", "forest"), "TEST", 1) == ""
