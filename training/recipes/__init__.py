"""What a model can be: one recipe a file, configured by the section of `training.recipes` that has its name."""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TypeGuard

from pydantic import ValidationError

from configuration import ConfigurationError, Settings
from training.learning.recipe import Recipe


def make_recipe(settings: Settings, name: str) -> Recipe:
    """The recipe of this name with its configured hyperparameters.

    Raises:
        ConfigurationError: there is no such recipe, its packages are not installed, or a hyperparameter is unknown or
            out of its bounds.
    """
    module = f"{__name__}.{name}"
    if name not in settings.training.recipes or not name.isidentifier() or find_spec(module) is None:
        known = ", ".join(settings.training.recipes)
        raise ConfigurationError(f"recipe {name}: not among the configured `training.recipes` {known}")
    recipe = _kind(name)
    if not _is_installed(recipe):
        raise ConfigurationError(
            f"recipe {name} needs the packages of the group `{recipe.group}`; run `make {recipe.group}`"
        )
    try:
        made: Recipe = recipe.configured(settings.training.recipes[name], partial(make_recipe, settings))
    except ValidationError as error:
        (problem, *_) = error.errors(include_url=False)
        key = ".".join(str(part) for part in problem["loc"])
        value = "" if isinstance(problem["input"], dict) else f" = {problem['input']}"
        raise ConfigurationError(f"training.recipes.{name}.{key}{value}: {problem['msg']}") from None
    return made


def check_tried(settings: Settings) -> None:
    """Whether every recipe of `training.recipes_tried` can be fitted.

    Raises:
        ConfigurationError: as `make_recipe` does.
    """
    for name in settings.training.recipes_tried:
        make_recipe(settings, name)


def installed(settings: Settings) -> list[str]:
    """Names of the configured recipes whose packages are there."""
    return [name for name in settings.training.recipes if _is_installed(_kind(name))]


def _kind(name: str) -> type[Recipe]:
    module = f"{__name__}.{name}"
    (recipe,) = [kind for kind in vars(import_module(module)).values() if _is_recipe(kind, module)]
    return recipe


def _is_installed(recipe: type[Recipe]) -> bool:
    return not recipe.library or find_spec(recipe.library) is not None


def _is_recipe(kind: object, module: str) -> TypeGuard[type[Recipe]]:
    return isinstance(kind, type) and issubclass(kind, Recipe) and kind.__module__ == module
