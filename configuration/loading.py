"""From files and environment to settings; every mistake is reported in one line."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from configuration import yaml_file
from configuration.credentials import misfit
from configuration.places import ROOT, home
from configuration.settings import PREFIX, Settings

LONGEST_SHOWN = 100  # characters of a wrong value
# How a variable gives a setting: as it is, as a JSON list, or as a JSON object of a group of settings.
Form = Literal["plain", "list", "group"]

# Variables with the prefix that are not settings.
RESERVED = frozenset({"STOCKS_HOME", "STOCKS_CONFIGURATION", "STOCKS_TEST_BARS", "STOCKS_TEST_REPORTS"})
WELL_KNOWN = {
    "ALPHA_VANTAGE_API_KEY": ("market", "alpha_vantage", "api_key"),
    "TIINGO_API_KEY": ("market", "tiingo", "api_key"),
    "APCA_API_KEY_ID": ("market", "alpaca", "key_id"),
    "APCA_API_SECRET_KEY": ("market", "alpaca", "secret_key"),
    "REDIS_URL": ("cache", "redis_url"),
    "MLFLOW_TRACKING_URI": ("training", "tracking_uri"),
}


class ConfigurationError(Exception):
    """A setting is unknown, of the wrong type or impossible; one line that says which and what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__("".join(char if char.isprintable() else repr(char)[1:-1] for char in message))


def load() -> Settings:
    """Read and check all settings.

    Raises:
        ConfigurationError: in one line, with the key, its value and what is allowed.
    """
    _check_home(home())
    _check_token(os.environ.get("MLFLOW_TRACKING_TOKEN", ""))
    given = defaults = _read(ROOT / "configuration.yaml")
    other, own = os.environ.get("STOCKS_CONFIGURATION"), {}
    if other:
        own = _read(Path(other))
        given = _merge(given, own)
    _check_groups(given, other)
    recipes = _recipes(given)
    _check_variables(os.environ, recipes)
    _check_hyperparameters(recipes, _recipes(defaults))
    try:
        return Settings(**_merge(given, _well_known(os.environ)))
    except ValidationError as error:
        is_its = any(_stands_in(own, problem["loc"]) for problem in error.errors(include_url=False))
        raise ConfigurationError(_where(other if is_its else None) + "; ".join(_explain(error))) from None


def _where(file: str | None) -> str:
    """What a line about settings begins with: the file of the user that holds one of them, if one does."""
    return f"configuration, {file}: " if file else "configuration: "


def _stands_in(given: Any, place: Sequence[str | int]) -> bool:
    """Whether a file gives the setting at `place`, and no variable does in its stead."""
    names = {name.upper() for name in os.environ}
    for depth, part in enumerate(place, 1):
        if not isinstance(given, dict):
            return True  # within a list
        if part not in given or f"{PREFIX}{'__'.join(map(str, place[:depth]))}".upper() in names:
            return False
        given = given[part]
    return bool(place)


def _check_groups(given: Mapping[Any, Any], file: str | None) -> None:
    for key in given:
        if key not in Settings.model_fields:
            raise ConfigurationError(f"{_where(file)}{key}: no such setting; configuration.yaml lists them")


def _recipes(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Hyperparameters of each recipe, as far as they have that form; what has not is told with all other settings."""
    recipes = given["training"].get("recipes") if isinstance(given["training"], dict) else None
    named = recipes.items() if isinstance(recipes, dict) else ()
    return {recipe: hyperparameters for recipe, hyperparameters in named if isinstance(hyperparameters, dict)}


def _check_home(folder: Path) -> None:
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise ConfigurationError(f"STOCKS_HOME = {folder}: {part} is a file; name a folder")


def _check_token(token: str) -> None:
    """MLflow reads it by itself, and so does what follows a registry."""
    if place := misfit(token.strip()):
        raise ConfigurationError(f"MLFLOW_TRACKING_TOKEN: its character {place} fits in no HTTP header; copy it again")


def _read(path: Path) -> dict[Any, Any]:
    try:
        return yaml_file.read(path)
    except yaml_file.UnreadableFile as error:
        raise ConfigurationError(str(error)) from None


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `under`; a group with nothing below it, as when all of it is commented out, changes nothing."""
    merged = dict(under)
    for key, value in over.items():
        is_group = isinstance(merged.get(key), dict)
        if is_group and isinstance(value, dict):
            merged[key] = _merge(merged[key], value)
        elif not (is_group and value is None):
            merged[key] = value
    return merged


def _well_known(environ: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, path in WELL_KNOWN.items():
        if environ.get(name):
            nested: Any = environ[name]
            for key in reversed(path):
                nested = {key: nested}
            given = _merge(given, nested)
    return given


def _check_variables(environ: Mapping[str, str], recipes: Mapping[str, Mapping[str, Any]]) -> None:
    structured = {f"{PREFIX}{name}".upper(): form for name, form in _fields(Settings)}
    for recipe, hyperparameters in recipes.items():
        structured |= {f"{PREFIX}TRAINING__RECIPES__{recipe}__{name}".upper(): "plain" for name in hyperparameters}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        if name.upper() not in structured:
            raise ConfigurationError(
                f"{name}: no such setting; configuration.yaml lists them, `__` stands between levels"
            )
        form = structured[name.upper()]
        if form != "plain" and not _is_json(value):
            raise ConfigurationError(_not_json(name, value, form))


def _not_json(name: str, value: str, form: Form) -> str:
    """What is wrong with a variable; the value of a group is never shown, for it may hold a key or a password."""
    if form == "group":
        return f'{name}: must be a JSON object, such as {{"setting": 1}}; its value is not shown, it may hold a secret'
    shown = "" if _is_secret(name) else f" = {value[:LONGEST_SHOWN]}"
    return f'{name}{shown}: must be JSON, such as ["a", "b"]'


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in ("key", "redis_url", "token", "password", "secret", "tracking_uri"))


def _check_hyperparameters(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """A recipe's own file holds bounds; that it has such a hyperparameter is known without the training packages.

    Raises:
        ConfigurationError: a recipe that configuration.yaml lists has no such hyperparameter.
    """
    for recipe, default in defaults.items():
        for name, value in given.get(recipe, {}).items():
            if name not in default:
                allowed = ", ".join(default)
                shown = _as_json(value)
                raise ConfigurationError(f"training.recipes.{recipe}.{name} = {shown}: must be one of {allowed}")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fields(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, Form]]:
    """Names of all settings, levels joined by `__`, each with the form in which a variable gives it."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        is_group = isinstance(kind, type) and issubclass(kind, BaseModel)
        yield (
            before + name,
            "group" if is_group or get_origin(kind) is dict else "list" if get_origin(kind) is tuple else "plain",
        )
        if is_group:
            yield from _fields(kind, f"{before}{name}__")  # type: ignore[arg-type]  # a group is a model


def _explain(error: ValidationError) -> Iterator[str]:
    problems = error.errors(include_url=False)
    for problem in problems:
        if any(other["loc"][: len(problem["loc"])] == problem["loc"] != other["loc"] for other in problems):
            continue  # it only says that a part of it was wrong
        key = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
        yield f"{key}{_shown(key, problem)}: {problem['msg'].removeprefix('Value error, ')}{_source(key)}"


def _shown(key: str, problem: ErrorDetails) -> str:
    """The wrong value, unless it may hold a secret: that of a group, of an unknown setting, of one named a key."""
    value, is_unknown = problem["input"], problem["type"] == "extra_forbidden"
    if is_unknown or isinstance(value, dict | list) or _is_secret(key) or _is_group(key):
        return ""
    return f" = {_as_json(value)}"


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, default=str)[:LONGEST_SHOWN]
    except ValueError:
        return "a value that cannot be shown"  # a number of thousands of digits, or what holds itself


def _source(key: str) -> str:
    """The variable that gave a setting of which the value is not shown."""
    setting = ".".join(part for part in key.split(".") if not part.isdecimal())
    known = {".".join(path): name for name, path in WELL_KNOWN.items()}.get(setting, "")
    given = [name for name in (PREFIX + setting.replace(".", "__").upper(), known) if os.environ.get(name)]
    return f"; given by {given[0]}" if given and _is_secret(setting) else ""


def _is_group(key: str) -> bool:
    return (key.replace(".", "__"), "group") in _fields(Settings)
