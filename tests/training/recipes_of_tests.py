"""Recipes as the configuration has them, for tests that train."""

import configuration
from training.learning.recipe import Recipe
from training.learning.training_config import TrainingConfig
from training.recipes import make_recipe

# Every configured recipe: one that is added to the configuration is held to what holds for the others.
NAMES = tuple(configuration.load().training.recipes)


# What takes long to fit as configured takes less here.
SMALLER = {"lstm": {"hidden": 4, "epochs": 2}}


def recipe(name: str = "forest") -> Recipe:
    return make_recipe(configuration.load(), name).model_copy(update=SMALLER.get(name, {}))


def quick(refit_every: int = 100, tested: int | None = None, seed: int = 1, name: str = "forest") -> TrainingConfig:
    return TrainingConfig(recipe(name), refit_every, tested, seed)
