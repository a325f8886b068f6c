"""Compare recipes: the same tickers, horizons and folds for each; every score goes to MLflow."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from configuration import Settings
from training.comparison.differences import Difference, difference
from training.comparison.scoring import Scored, score
from training.engine import Engine
from training.learning.training_config import TrainingConfig
from training.loading import chunks, load
from training.mlflow_registry.registry import Registry
from training.recipes import make_recipe

AVERAGED = ("interval_score", "crps", "coverage", "direction_accuracy", "seconds", "onnx_bytes")


@dataclass(frozen=True, slots=True)
class Line:
    """One recipe at one horizon, over all tickers that could be scored.

    Attributes:
        means: of AVERAGED over the tickers.
        gain: over the reference; null for the reference itself.
    """

    recipe: str
    horizon: int
    tickers: int
    means: dict[str, float]
    gain: Difference | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The table, and in one line each why a model could not be scored."""

    lines: list[Line]
    failures: list[str]


def compare(
    settings: Settings,
    recipes: Sequence[str],
    tickers: Sequence[str],
    horizons: Sequence[int],
    on_model: Callable[[], None] = lambda: None,
) -> Comparison:
    """Score every recipe on every ticker and horizon.

    Args:
        recipes: the first is the reference that the others are compared with.
        on_model: called after each of them.

    Raises:
        ConfigurationError: there is no such recipe.
        RegistryError: MLflow could not be reached.
    """
    registry, training = Registry(settings), settings.training
    made = [make_recipe(settings, name) for name in recipes]
    configs = [TrainingConfig(recipe, training.refit_every, training.tested, training.seed) for recipe in made]
    scored: list[Scored] = []
    failures: list[str] = []
    with registry.pipeline_run("comparison", {"recipes": ",".join(recipes), "tickers": ",".join(tickers)}):
        for config, found in _results(settings, configs, tickers, horizons):
            on_model()
            if isinstance(found, str):
                failures.append(found)
            else:
                scored.append(found)
                _log(registry, config, found)
        lines = [line for horizon in horizons for line in _lines(recipes, horizon, scored)]
        registry.log_totals({f"{one.recipe}_{one.horizon}_{key}": one.means[key] for one in lines for key in AVERAGED})
    return Comparison(lines, list(dict.fromkeys(failures)))


def _results(
    settings: Settings, configs: Sequence[TrainingConfig], tickers: Sequence[str], horizons: Sequence[int]
) -> Iterator[tuple[TrainingConfig, Scored | str]]:
    for chunk in chunks(tickers):
        bars, missing = load(settings, chunk)
        for reason in missing.values():
            yield from ((config, reason) for _ in horizons for config in configs)
        calls = [(one, horizon, config) for horizon in horizons for one in bars.values() for config in configs]
        with closing(Engine(processes=settings.training.processes).map(score, calls)) as results:
            for (_, _, config), found in zip(calls, results, strict=True):
                yield config, found


def _lines(recipes: Sequence[str], horizon: int, scored: Sequence[Scored]) -> list[Line]:
    by_recipe = {name: [one for one in scored if (one.recipe, one.horizon) == (name, horizon)] for name in recipes}
    lines = []
    for name, found in by_recipe.items():
        if found:
            means = {key: float(np.mean([one.metrics[key] for one in found])) for key in AVERAGED}
            gain = difference(found, by_recipe[recipes[0]], horizon) if name != recipes[0] else None
            lines.append(Line(name, horizon, len(found), means, gain))
    return lines


def _log(registry: Registry, config: TrainingConfig, scored: Scored) -> None:
    tags = {"ticker": scored.ticker, "horizon": str(scored.horizon), "recipe": scored.recipe}
    parameters = config.recipe.model_dump() | {
        "recipe": scored.recipe,
        "refit_every": config.refit_every,
        "tested": config.tested,
        "seed": config.seed,
    }
    registry.log_scores(f"{scored.recipe} {scored.ticker}-{scored.horizon}", tags, parameters, scored.metrics)
