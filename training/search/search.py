"""Search for the hyperparameters of a recipe; each trial is a run in MLflow below one for the search."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from configuration import Settings
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from training.errors import NoSearch
from training.execution.engine import Engine
from training.execution.loading import load, report_schedules
from training.execution.pooling import share
from training.learning.recipe import Recipe
from training.learning.training_config import TrainingConfig
from training.mlflow_registry.runs.runs import Runs
from training.mlflow_registry.runs.views import SEARCH, search_view
from training.recipes import make_recipe
from training.search.earlier import before_scored, means, score_earlier
from training.search.pictures import history
from training.search.space import space_of
from training.search.study import Study

SCORE = "skill_over_last_252"
Call = tuple[Bars, int, TrainingConfig, ReportSchedule]


@dataclass(frozen=True, slots=True)
class Found:
    """The best of a search.

    Attributes:
        trials: with a score, those of earlier executions included.
        best: hyperparameters by name.
        score: theirs, the share by which the interval score is below that of the last 252 returns' quantiles.
        configured: hyperparameters of the configuration, with `configured_score`.
        last_session: the last that any trial saw.
        page: path in MLflow's UI that shows the trials.
    """

    trials: int
    best: Mapping[str, Any]
    score: float
    configured: Mapping[str, Any]
    configured_score: float
    last_session: str
    page: str


def search(
    settings: Settings,
    name: str,
    tickers: Sequence[str],
    horizons: Sequence[int],
    *,
    trials: int,
    on_trial: Callable[[int], None] = lambda _done: None,
) -> Found:
    """Try hyperparameters until `trials` of them have a score on these tickers' bars, earlier executions included.

    Only sessions before those count that `train` and `compare` score.

    Args:
        on_trial: called with the number of trials that have a score.

    Raises:
        ConfigurationError: there is no such recipe.
        NoSearch: optuna is missing, a ticker has no bars, or its history is too short.
        RegistryError: MLflow could not be reached.
    """
    training = settings.training
    recipe, runs = make_recipe(settings, name), Runs(settings)
    config = TrainingConfig(recipe, training.refit_every, None, training.seed)
    calls = _calls(settings, replace(config, tested=training.tested), tickers, horizons)
    study_name = _study_name(recipe, calls)
    study = Study(settings.home, study_name, space_of(recipe), training.seed)
    configured = {key: getattr(recipe, key) for key in space_of(recipe)}
    on_trial(study.done)
    last = max(str(bars.session[-1]) for bars, *_ in calls)
    tags = {"recipe": name, "tickers": ",".join(tickers), "sessions_to": last}
    with runs.pipeline_run(f"search {name}", tags):
        study.try_first(configured)
        while study.done < trials:
            number, values = study.ask()
            tried = replace(config, recipe=recipe.model_copy(update=values))
            scores = _scores(settings, calls, tried)
            study.tell(number, scores[SCORE])
            _log(runs, {"study": study_name, "trial": str(number)}, tried, calls[0][1], scores)
            on_trial(study.done)
        _, best, score = study.best()
        found = study.done, best, score, configured, study.score_of(configured), last
        figures = {SCORE: score, f"configured_{SCORE}": found[4], "trials": float(study.done)}
        runs.log_overview({"recipe": name, **best}, figures, {"trials": history(study.scores(), found[4])}, "")
        page = runs.show(SEARCH, search_view(study_name, list(configured), SCORE))
    return Found(*found, page)


def _calls(settings: Settings, scored: TrainingConfig, tickers: Sequence[str], horizons: Sequence[int]) -> list[Call]:
    bars, missing = load(settings, tickers)
    if missing:
        raise NoSearch(next(iter(missing.values())))
    schedules = report_schedules(settings, list(bars))
    config = replace(scored, tested=None)
    return [
        (before_scored(series, scored), horizon, config, schedules[ticker])
        for horizon in horizons
        for ticker, series in bars.items()
    ]


def _study_name(recipe: Recipe, calls: Sequence[Call]) -> str:
    """The same for the same recipe, configuration, horizons and bars, so that a search can go on."""
    parts = [
        recipe.name,
        *(f"{bars.fingerprint()} {config.fingerprint(horizon)}" for bars, horizon, config, _ in calls),
    ]
    return f"{recipe.name}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"


def _scores(settings: Settings, calls: Sequence[Call], config: TrainingConfig) -> dict[str, float]:
    """The mean scores of one set of hyperparameters; what learns from all tickers learns from these bars too."""
    engine = Engine(processes=settings.training.processes)
    configs = {horizon: config for _, horizon, *_ in calls}
    if config.recipe.pooled_parts():
        pools = {each: [bars for bars, horizon, *_ in calls if horizon == each] for each in configs}
        configs = {horizon: share([config], pool, horizon, engine)[0] for horizon, pool in pools.items()}
    tried = [(bars, horizon, configs[horizon], schedule) for bars, horizon, _, schedule in calls]
    with closing(engine.map(score_earlier, tried)) as results:
        found = list(results)
    scored = [one for one in found if not isinstance(one, str)]
    if len(scored) < len(found):
        raise NoSearch(f"before the scored sessions: {next(one for one in found if isinstance(one, str))}")
    return means(scored)


def _log(runs: Runs, which: dict[str, str], config: TrainingConfig, horizon: int, scores: dict[str, float]) -> None:
    recipe = config.recipe
    tags = {"recipe": recipe.name, "recipe_sha256": config.fingerprint(horizon)} | which
    runs.log_scores(f"trial {which['trial']}", tags, {"recipe": recipe.name, **recipe.parameters}, scores)
