"""What becomes of a trained model: registered where it is not yet, decided on, and published when it is promoted."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from configuration import Settings
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from training.errors import TrainingError
from training.execution.hindrance import hindrance_of
from training.execution.outcome import Outcome
from training.execution.recorded import Recorded, record
from training.learning.pipeline import Trained
from training.learning.promotion import Candidate, decide
from training.learning.training_config import TrainingConfig
from training.mlflow_registry.connection import past_a_restart
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.versions.aliases import Aliases
from training.mlflow_registry.versions.registered import Registered
from training.publishing.challengers import republish_challengers
from training.publishing.operations import release

log = structlog.get_logger(__name__)

# Of one model: its bars, its horizon, how to train.
Call = tuple[Bars, int, TrainingConfig, ReportSchedule]
# What came of it: a model, recorded already or not yet; or the reason in one line why there is none.
TrainedOrNot = Trained | Recorded | str


def finish(
    settings: Settings,
    registry: Registry,
    call: Call,
    trained: TrainedOrNot,
    before_promotion: Callable[[], None] = lambda: None,
) -> Outcome:
    """Register what is not yet, decide, publish what is promoted; until the last step the old champion serves."""
    bars, horizon, config, _ = call
    failed = Outcome(bars.ticker, horizon, promoted=False, reason="", recipe=config.recipe.name)
    if isinstance(trained, str):
        return replace(failed, reason=trained)
    try:
        recorded = trained if isinstance(trained, Recorded) else _record(registry, trained)
        decided = partial(_decided, settings, registry, recorded, before_promotion)
        return past_a_restart(decided, decided)
    except TrainingError as error:
        return replace(failed, reason=str(error), hindrance=hindrance_of(error))
    except Exception as error:  # one model's trouble is never another's
        log.exception("training.failed", ticker=bars.ticker, horizon=horizon)
        return replace(failed, reason=f"{bars.ticker}: {type(error).__name__}: {error}; the log has the traceback")


def _record(registry: Registry, trained: Trained) -> Recorded:
    data = trained.data
    return record(trained, registry.rival(data.ticker, data.horizon, simulated=data.simulated), registry.record)


def _decided(
    settings: Settings, registry: Registry, recorded: Recorded, before_promotion: Callable[[], None]
) -> Outcome:
    registered, card = recorded.registered, recorded.registered.card
    margin = settings.training.promotion_margin
    seen = registry.aliases(card.ticker, card.horizon)
    champion = _champion(registry, recorded, seen)
    decision = decide(recorded.candidate, recorded.baseline, champion, card.horizon, margin)
    registry.write_decision(registered, decision)
    if decision.promoted:
        _promote(registry, registered, seen, before_promotion)
    republish_challengers(settings, registry, (card.ticker, card.horizon))
    return Outcome(
        ticker=card.ticker,
        horizon=card.horizon,
        promoted=decision.promoted,
        reason=decision.reason,
        recipe=card.recipe,
        version=registered.version,
        metrics=card.metrics,
        scores=recorded.scores,
        simulated=card.simulated,
    )


def _champion(registry: Registry, recorded: Recorded, seen: Aliases) -> Candidate | None:
    """What the version has to beat: another trainer may have moved the champion since it was registered."""
    card = recorded.registered.card
    if seen.champion == recorded.rival.version:
        return recorded.rival.candidate
    return registry.rival(card.ticker, card.horizon, simulated=card.simulated).candidate


def _promote(registry: Registry, registered: Registered, seen: Aliases, before_promotion: Callable[[], None]) -> None:
    card = registered.card
    try:
        before_promotion()
    except TrainingError as error:
        registry.overrule(card.ticker, card.horizon, registered.version, "rejected", str(error))
        raise
    release(registry, registered, seen)
