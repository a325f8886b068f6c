"""Compare recipes: the same tickers, horizons and folds for each; every score goes to MLflow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from configuration import Settings
from training.comparison.lines import Line, figures, lines_of, table
from training.comparison.pictures import pictures
from training.comparison.scoring import Scored, score
from training.execution.engine import Engine
from training.execution.loading import chunks, load, report_schedules
from training.execution.pooling import Pools
from training.execution.run import training_configs
from training.learning.training_config import TrainingConfig
from training.mlflow_registry.runs.runs import Runs
from training.mlflow_registry.runs.views import COMPARISON, comparison_view

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found.

    Attributes:
        lines: of the table.
        failures: in one line each why a model could not be scored.
        page: path in MLflow's UI that shows the recipes side by side.
    """

    lines: list[Line]
    failures: list[str]
    page: str


def compare(
    settings: Settings,
    recipes: Sequence[str],
    tickers: Sequence[str],
    horizons: Sequence[int],
    on_model: Callable[[], None] = lambda: None,
    *,
    changed: Mapping[str, Any] = NOTHING,
) -> Comparison:
    """Score every recipe on every ticker and horizon.

    Args:
        recipes: the first is the reference that the others are compared with.
        on_model: called after each of them.
        changed: hyperparameters with which the first is scored once more, called `RECIPE_changed`; none when empty.

    Raises:
        ConfigurationError: there is no such recipe or hyperparameter, or it is out of its bounds.
        RegistryError: MLflow could not be reached.
    """
    runs = Runs(settings)
    configs = [*training_configs(settings, recipes), *_changed(settings, recipes[0], changed)]
    names = [config.name for config in configs]
    scored: list[Scored] = []
    failures: list[str] = []
    with runs.pipeline_run("comparison", {"recipes": ",".join(names), "tickers": ",".join(tickers)}) as run_id:
        for config, found in _results(settings, configs, tickers, horizons):
            on_model()
            if isinstance(found, str):
                failures.append(found)
            else:
                scored.append(found)
                _log(runs, config, found, _reference(recipes[0], found, scored))
        lines = [line for horizon in horizons for line in lines_of(names, horizon, scored)]
        if lines:
            _log_overview(runs, settings, lines, scored)
        page = runs.show(COMPARISON, comparison_view(run_id, horizons))
    return Comparison(lines, list(dict.fromkeys(failures)), page)


def _changed(settings: Settings, name: str, changed: Mapping[str, Any]) -> list[TrainingConfig]:
    if not changed:
        return []
    training = settings.training
    recipes = dict(training.recipes) | {name: training.recipes[name] | dict(changed)}
    otherwise = settings.model_copy(update={"training": training.model_copy(update={"recipes": recipes})})
    return [replace(training_configs(otherwise, [name])[0], label=f"{name}_changed")]


def _results(
    settings: Settings, configs: Sequence[TrainingConfig], tickers: Sequence[str], horizons: Sequence[int]
) -> Iterator[tuple[TrainingConfig, Scored | str]]:
    engine = Engine(processes=settings.training.processes)
    pools = Pools(settings, configs, engine)
    for chunk in chunks(tickers):
        bars, missing = load(settings, chunk)
        schedules = report_schedules(settings, list(bars))
        for reason in missing.values():
            yield from ((config, reason) for _ in horizons for config in configs)
        calls = [
            (one, horizon, config, schedules[one.ticker])
            for horizon in horizons
            for one in bars.values()
            for config in pools.configs_for(horizon, simulated=one.simulated)
        ]
        with closing(engine.map(score, calls)) as results:
            for (_, _, config, _), found in zip(calls, results, strict=True):
                yield config, found


def _reference(recipe: str, scored: Scored, done: Sequence[Scored]) -> Scored | None:
    """The scores of the reference on the same ticker and horizon, which is scored first."""
    wanted = (recipe, scored.ticker, scored.horizon)
    return next((one for one in done if (one.recipe, one.ticker, one.horizon) == wanted), None)


def _log(runs: Runs, config: TrainingConfig, scored: Scored, reference: Scored | None) -> None:
    which = {"recipe": scored.recipe, "ticker": scored.ticker, "horizon": str(scored.horizon)}
    tags = which | {"recipe_sha256": config.fingerprint(scored.horizon)}
    parameters = {"refit_every": config.refit_every, "tested": config.tested, "seed": config.seed}
    parameters |= config.recipe.parameters | which
    metrics = dict(scored.metrics)
    if reference is not None:
        metrics["gain_percent"] = 100 * (1 - metrics["interval_score"] / reference.metrics["interval_score"])
    runs.log_scores(f"{scored.recipe} {scored.ticker}-{scored.horizon}", tags, parameters, metrics)


def _log_overview(runs: Runs, settings: Settings, lines: Sequence[Line], scored: Sequence[Scored]) -> None:
    training = settings.training
    runs.log_overview(
        {"refit_every": training.refit_every, "tested": training.tested, "seed": training.seed},
        figures(lines),
        pictures(lines, scored),
        table(lines),
    )
