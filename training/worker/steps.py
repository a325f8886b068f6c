"""What the worker does while there is something to train."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog

import configuration
import logs
from configuration import Settings
from forecasting.model_store import UnreadableModel, default_roots, newest_folder, read_published_model
from market.errors import MarketError
from market.market import Market
from training.errors import TrainingError
from training.execution.hindrance import Hindrance, hindrance_of
from training.worker.hindrances import Hindered, still_hinders, wait_until_over
from training.worker.patience import when_possible
from training.worker.ticker_lock import Done, TickerLock, alone
from training_queue.jobs import MISSING, MOST_ATTEMPTS, RETRAIN, TrainingJobs
from training_queue.publications import Publications
from training_queue.steps import Step

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.5
# Seconds without work after which the training packages leave the memory.
IDLE = 60.0


def work_until_idle(jobs: TrainingJobs, publications: Publications, *, add_missing: bool) -> None:
    """Publish what was left unpublished, and work the queue until nothing was queued for a minute.

    Args:
        publications: those that are under way.
        add_missing: whether models that are missing are queued first, as `training.on_start` says.

    Raises:
        ConfigurationError: a setting is impossible, a hyperparameter of a recipe that is tried among them.
    """
    from training.recipes import check_tried  # noqa: PLC0415  # seconds of imports

    settings = configuration.load()
    logs.configure(settings.serving.log_level)
    check_tried(settings)
    if add_missing and settings.training.on_start:
        _add_missing(settings, jobs)
    has_work = when_possible(lambda: jobs.waiting() or bool(publications.left_behind()))
    idle_since = time.monotonic() if has_work else time.monotonic() - IDLE
    while time.monotonic() - idle_since < IDLE:
        try:
            if not _work_next(settings, jobs, publications):
                continue
        except Hindered as hindered:
            wait_until_over(settings, hindered)
        idle_since = time.monotonic()


def _add_missing(settings: Settings, jobs: TrainingJobs) -> None:
    found = missing(settings)
    if found:
        log.info("training.queued", models=len(found), reason="missing")
    for ticker, horizon in found:
        when_possible(partial(jobs.add, ticker, [horizon], MISSING))


def _work_next(settings: Settings, jobs: TrainingJobs, publications: Publications) -> bool:
    """Do what is most urgent; gives whether anything waited.

    Raises:
        Hindered: nothing can be trained now.
    """
    finish_publications(settings, publications)
    step = when_possible(jobs.claim)
    if step is None:
        time.sleep(LOOK_EVERY)
        return False
    with alone(settings, step.ticker) as lock:
        if lock is not None:
            work_once(step, jobs, settings, lock)
        else:
            when_possible(partial(jobs.requeue, step))
            time.sleep(LOOK_EVERY)
    return True


def finish_publications(settings: Settings, publications: Publications) -> None:
    """Publish what a process that died has left unpublished, and promote what serving asks for.

    Raises:
        Hindered: nothing can be published now.
    """
    for ticker, horizon in when_possible(publications.left_behind):
        try:
            tags = _finish_publication(settings, publications, ticker, horizon)
        except Exception as error:  # noqa: BLE001  # it is told and tried again, whatever it was
            if (hindrance := hindrance_of(error)) and still_hinders(settings, hindrance):
                raise Hindered(hindrance, str(error)) from None
            tell = log.error if isinstance(error, TrainingError) else log.exception
            tell("publication.failed", ticker=ticker, horizon=horizon, problem=str(error))
            publications.postpone(ticker, horizon)
            continue
        publications.forget(ticker, horizon)
        log.info("publication.finished", ticker=ticker, horizon=horizon, published=tags)


def publish(settings: Settings, ticker: str, horizon: int) -> list[str]:
    """Publish the champion here that another process has made.

    Raises:
        RegistryError: MLflow failed.
    """
    from training.mlflow_registry.registry import Registry  # noqa: PLC0415  # seconds of imports, seldom needed
    from training.publishing.operations import publish_champions  # noqa: PLC0415

    return publish_champions(settings, Registry(settings), [(ticker, horizon)])


def _finish_publication(settings: Settings, publications: Publications, ticker: str, horizon: int) -> list[str]:
    from training.mlflow_registry.registry import Registry  # noqa: PLC0415  # seconds of imports, seldom needed
    from training.publishing.operations import promote  # noqa: PLC0415

    version = publications.version_to_promote(ticker, horizon)
    if version is not None:
        return [promote(Registry(settings), ticker, horizon, version)]
    return publish(settings, ticker, horizon)


def work_once(step: Step, jobs: TrainingJobs, settings: Settings, lock: TickerLock) -> None:
    """Train what a step asks for, unless a replica with the same MLflow server has done so since it was asked for.

    Raises:
        Hindered: nothing can be trained now; the step is to be queued again.
    """
    done = lock.done_since(step) if settings.training.has_server else None
    if done is None:
        done = work(step, jobs, settings, lock.check)
        if done.status != "failed":
            lock.tell(step, done)
        return
    try:
        publish(settings, step.ticker, step.horizon)
    except TrainingError as error:
        _check_whose_failure(step, jobs, settings, hindrance_of(error), str(error))
        when_possible(partial(jobs.finish, step, "failed", str(error)))
        return
    when_possible(partial(jobs.finish, step, done.status, f"{done.reason}, by another replica"))
    log.info("training.adopted", ticker=step.ticker, horizon=step.horizon, outcome=done.status, reason=done.reason)


def work(
    step: Step, jobs: TrainingJobs, settings: Settings, before_promotion: Callable[[], None] = lambda: None
) -> Done:
    """Train what a step asks for and write its outcome, which is also given; no failure ends the worker.

    Args:
        before_promotion: called before a champion moves; raises a TrainingError to prevent it.

    Raises:
        Hindered: nothing can be trained now; the step is to be queued again.
    """
    from training.execution.run import run_one  # noqa: PLC0415  # seconds of imports, needed by no other worker

    started = time.monotonic()
    try:
        outcome = run_one(
            settings, step.ticker, step.horizon, asked_at=_asked_at(step), before_promotion=before_promotion
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        _check_whose_failure(step, jobs, settings, hindrance_of(error), reason)
        log.exception("training.failed", ticker=step.ticker, horizon=step.horizon)
        when_possible(partial(jobs.finish, step, "failed", reason))
        return Done("failed", reason)
    status, reason = outcome.status, outcome.versioned_reason
    _check_whose_failure(step, jobs, settings, outcome.hindrance, reason)
    when_possible(partial(jobs.finish, step, status, reason))
    seconds = round(time.monotonic() - started, 3)
    tell = log.warning if outcome.failed else log.info
    tell("training.finished", ticker=step.ticker, horizon=step.horizon, outcome=status, reason=reason, seconds=seconds)
    return Done(status, reason)


def _check_whose_failure(
    step: Step, jobs: TrainingJobs, settings: Settings, hindrance: Hindrance | None, reason: str
) -> None:
    """Tell what would have made any step fail from what is this one's own.

    What lasts is no attempt of the step; what was over when it was looked at may have to do with the step after all, so
    one that goes on failing is left to fail.

    Raises:
        Hindered: the step is to be queued again.
    """
    if hindrance is None:
        return
    lasts = bool(still_hinders(settings, hindrance))
    if lasts or step.attempts < MOST_ATTEMPTS:
        raise Hindered(hindrance, reason, partial(jobs.requeue, step, counts=not lasts))


def _asked_at(step: Step) -> datetime | None:
    """When a person asked for the training, if one did."""
    return datetime.fromtimestamp(step.queued_at, UTC) if step.priority == RETRAIN else None


def missing(settings: Settings) -> list[tuple[str, int]]:
    """Tickers and horizons without a model for the kind of their prices, the first horizon of all tickers first."""
    kinds = asyncio.run(_kinds(settings))
    roots = default_roots(settings)
    found: list[tuple[str, int]] = []
    for horizon in settings.horizons:
        for ticker, simulated in kinds.items():
            folder = newest_folder(roots, ticker, horizon)
            try:
                if folder is not None and read_published_model(folder).card.simulated == simulated:
                    continue
            except UnreadableModel as error:
                log.warning("training.repeated", ticker=ticker, horizon=horizon, reason=str(error))
            found.append((ticker, horizon))
    return found


async def _kinds(settings: Settings) -> dict[str, bool]:
    """Whether the prices of each ticker are simulated; tickers without prices are left out."""
    market = Market.open(settings)
    kinds = {}
    for ticker in settings.tickers:
        try:
            kinds[ticker] = (await market.for_training(ticker)).bars.simulated
        except MarketError as error:
            log.error("training.skipped", ticker=ticker, reason=str(error))  # noqa: TRY400
    await market.close()
    return kinds
