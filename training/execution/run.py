"""One execution of the pipeline over many models: fit side by side, then decide, register and publish one by one."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np

from configuration import Settings
from training.errors import TrainingError
from training.execution.decision import Call, TrainedOrNot, finish
from training.execution.elsewhere import attempt_and_record
from training.execution.engine import Engine
from training.execution.feed import Feed
from training.execution.hindrance import hindrance_of
from training.execution.in_order import Task, one_by_one, side_by_side
from training.execution.interruption import Interruption
from training.execution.loading import CHUNK, Loaded, PartByPart, load, report_schedules
from training.execution.outcome import Outcome, best
from training.execution.pooling import Pools
from training.learning.pipeline import attempt
from training.learning.training_config import TrainingConfig
from training.mlflow_registry.registry import Registry
from training.publishing.operations import newest_card
from training.recipes import make_recipe
from training_queue.jobs import TrainingJobs

Item = TypeVar("Item")

# Decisions on a version that the same bars and recipe would only bring back.
KEPT_BACK = ("rejected", "rolled back")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train.

    Attributes:
        resume: leave out the models that were trained on these bars with this recipe, and published or rejected.
        on_outcome: called after each model.
        on_left_out: called with ticker and horizon of each model that is left out.
        interruption: deferred while a finished model is recorded.
    """

    tickers: Sequence[str]
    horizons: Sequence[int]
    engine: Engine = field(default_factory=Engine)
    resume: bool = False
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None
    on_left_out: Callable[[str, int], None] = lambda _ticker, _horizon: None
    interruption: Interruption = field(default_factory=Interruption)


def run(settings: Settings, request: RunRequest) -> list[Outcome]:
    """Train, register, decide on and publish every ticker at every horizon; a failure concerns its own model alone.

    Raises:
        RegistryError: MLflow could not be reached at all.
        NoScheduler: the cluster could not be reached.
        KeyboardInterrupt: SIGTERM or Ctrl-C; every model that `on_outcome` was told of is recorded.
    """
    registry, jobs = Registry(settings), TrainingJobs(settings.home)
    outcomes: list[Outcome] = []
    with registry.pipeline_run("pipeline", {"tickers": ",".join(request.tickers)}):
        pools = Pools(settings, training_configs(settings), request.engine, newer_than=datetime.now(UTC))
        try:
            for outcome in _outcomes(settings, registry, request, pools):
                outcomes.append(outcome)
                jobs.note(outcome.ticker, outcome.horizon, outcome.status, outcome.versioned_reason)
                request.on_outcome(outcome)
        finally:
            registry.summarize(_totals(outcomes), _decision(outcomes))
        _fail_if_all_failed(registry, outcomes)
    return outcomes


def run_one(
    settings: Settings,
    ticker: str,
    horizon: int,
    asked_at: datetime | None = None,
    before_promotion: Callable[[], None] = lambda: None,
) -> Outcome:
    """The same for one model, within this process: what a retraining does.

    Args:
        asked_at: when a person asked for it: bars from before are fetched anew, once for all horizons, and recipes are
            tried again that were rejected on these bars. None: nobody did.
        before_promotion: called before a champion moves; raises a TrainingError to prevent it.
    """
    bars, failures = load(settings, [ticker], asked_at)
    if ticker in failures:
        return Outcome(ticker, horizon, promoted=False, reason=failures[ticker])
    series, registry = bars[ticker], Registry(settings)
    try:
        schedule = report_schedules(settings, [ticker])[ticker]
        pools = Pools(settings, training_configs(settings), Engine(processes=1))
        configs = pools.configs_for(horizon, simulated=series.simulated)
        calls = [(series, horizon, config, schedule) for config in configs]
        rejected = [] if asked_at else [one for call in calls if (one := _rejected_before(registry, call))]
        if len(rejected) == len(calls):
            return best(rejected)
        with registry.pipeline_run(f"refit {ticker}-{horizon}", {"ticker": ticker, "horizon": str(horizon)}):
            outcomes = [finish(settings, registry, call, attempt(*call), before_promotion) for call in calls]
            registry.summarize(_totals(outcomes), _decision(outcomes))
            _fail_if_all_failed(registry, outcomes)
    except TrainingError as error:
        return Outcome(ticker, horizon, promoted=False, reason=str(error), hindrance=hindrance_of(error))
    return best(outcomes)


def training_configs(settings: Settings, names: Sequence[str] | None = None) -> list[TrainingConfig]:
    """How the configuration says to train, one for each recipe of these names, or that is tried.

    Raises:
        ConfigurationError: a recipe is unknown or one of its hyperparameters out of bounds.
    """
    training = settings.training
    recipes = [make_recipe(settings, name) for name in names or training.recipes_tried]
    return [TrainingConfig(recipe, training.refit_every, training.tested, training.seed) for recipe in recipes]


def _outcomes(settings: Settings, registry: Registry, request: RunRequest, pools: Pools) -> Iterator[Outcome]:
    """A cluster goes on with the next chunk of tickers while others finish the one before; this machine does not."""
    parts = PartByPart(settings, request.tickers, pools.newer_than)
    calls = (_calls(settings, registry, request, loaded, pools) for loaded in parts)
    for some in [chain.from_iterable(calls)] if request.engine.scheduler else calls:
        yield from _outcomes_of(settings, registry, request, some, parts.load_next)


def _outcomes_of(
    settings: Settings,
    registry: Registry,
    request: RunRequest,
    calls: Iterable[Call | Outcome],
    load_next: Callable[[], None],
) -> Iterator[Outcome]:
    """Of some calls; after half a chunk of them the bars of the next are loaded, for which no process waits then."""
    work, feed = _work(registry, request.engine), Feed(calls)
    in_order = one_by_one if work is attempt else side_by_side
    with closing(request.engine.map(work, feed.calls())) as results:
        ended = _interspersed(feed.ended(results), CHUNK // 2, load_next)
        tasks = (_task(settings, registry, one) for one in ended)
        yield from in_order(tasks, request.interruption)


def _interspersed(items: Iterable[Item], count: int, once: Callable[[], None]) -> Iterator[Item]:
    """The same items, and something else that is done once after `count` of them."""
    for place, item in enumerate(items, 1):
        yield item
        if place == count:
            once()


def _task(settings: Settings, registry: Registry, ended: Outcome | tuple[Call, TrainedOrNot]) -> Task[Outcome]:
    if isinstance(ended, Outcome):
        return (ended.ticker, ended.horizon), lambda: ended
    call, trained = ended
    return (call[0].ticker, call[1]), partial(finish, settings, registry, call, trained)


def _calls(
    settings: Settings, registry: Registry, request: RunRequest, loaded: Loaded, pools: Pools
) -> Iterator[Call | Outcome]:
    """What to train of some tickers, after what failed because it has no bars."""
    bars, failures = loaded
    for ticker, reason in failures.items():
        yield from (Outcome(ticker, horizon, promoted=False, reason=reason) for horizon in request.horizons)
    schedules = report_schedules(settings, list(bars))
    calls = [
        (series, horizon, config, schedules[series.ticker])
        for horizon in request.horizons
        for series in bars.values()
        for config in pools.configs_for(horizon, simulated=series.simulated)
    ]
    yield from (call for call in calls if not (request.resume and _is_left_out(settings, registry, request, call)))


def _work(registry: Registry, engine: Engine) -> Callable[..., TrainedOrNot]:
    """What is done beside this process: with workers elsewhere and a server that they reach, all but the decision."""
    if engine.scheduler and registry.is_server:
        return partial(attempt_and_record, registry.parent)
    return attempt


def _is_left_out(settings: Settings, registry: Registry, request: RunRequest, call: Call) -> bool:
    is_done = _is_published(settings, registry, call) or _rejected_before(registry, call) is not None
    if is_done:
        request.on_left_out(call[0].ticker, call[1])
    return is_done


def _is_published(settings: Settings, registry: Registry, call: Call) -> bool:
    bars, horizon, config, _ = call
    card = newest_card(settings, bars.ticker, horizon)
    found = registry.decision_on(bars.ticker, horizon, bars.fingerprint(), config.fingerprint(horizon))
    return card is not None and found is not None and found.decision == "promoted" and card.version >= found.version


def _rejected_before(registry: Registry, call: Call) -> Outcome | None:
    """What kept back a version that was trained on these bars with this recipe: its scores, or a rollback."""
    bars, horizon, config, _ = call
    found = registry.decision_on(bars.ticker, horizon, bars.fingerprint(), config.fingerprint(horizon))
    if found is None or found.decision not in KEPT_BACK:
        return None
    reason = f"{found.decision} on the same bars before"
    return Outcome(
        bars.ticker, horizon, promoted=False, reason=reason, recipe=config.recipe.name, version=found.version
    )


def _fail_if_all_failed(registry: Registry, outcomes: Sequence[Outcome]) -> None:
    if outcomes and all(outcome.failed for outcome in outcomes):
        registry.fail([outcome.reason for outcome in outcomes])


def _decision(outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.decision for outcome in outcomes)
    return ", ".join(f"{count} {decision}" for decision, count in counts.items())


def _totals(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """How many models ended how, and the mean of each of their scores."""
    scored = [outcome.scores for outcome in outcomes if outcome.scores]
    means = {name: float(np.mean([scores[name] for scores in scored])) for name in (scored[0] if scored else ())}
    totals: dict[str, float] = {
        "models_promoted": sum(outcome.promoted for outcome in outcomes),
        "models_rejected": sum(not (outcome.promoted or outcome.failed) for outcome in outcomes),
        "models_failed": sum(outcome.failed for outcome in outcomes),
    }
    return totals | means
