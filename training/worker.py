"""The process that trains beside a running service."""

import asyncio
import logging
import os
import time

from configuration import Settings
from forecasting.published import UnreadableModel, default_roots, newest_folder, read_published
from forecasting.training_jobs import MISSING, Job, Status, TrainingJobs
from market.errors import MarketError
from market.market import Market
from training.run import run_one

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5
# Training may wait, answers may not.
NICENESS = 10


def work_forever(settings: Settings) -> None:
    """Work the queue, what is missing first put into it, until the parent process ends."""
    parent = os.getppid()
    os.nice(NICENESS)
    jobs = TrainingJobs(settings.home)
    jobs.resume()
    for ticker, horizon in missing(settings):
        jobs.add(ticker, horizon, MISSING)
    while os.getppid() == parent:
        job = jobs.claim()
        if job is None:
            time.sleep(LOOK_EVERY)
        else:
            work(job, jobs, settings)


def work(job: Job, jobs: TrainingJobs, settings: Settings) -> None:
    """Train what a job asks for and write its outcome; no failure ends the worker."""
    try:
        outcome = run_one(settings, job.ticker, job.horizon)
    except Exception as error:
        log.exception("%s at horizon %d: training failed", job.ticker, job.horizon)
        jobs.finish(job, "failed", f"{type(error).__name__}: {error}")
        return
    if outcome.failed:
        log.error("%s at horizon %d: %s", job.ticker, job.horizon, outcome.reason)
        jobs.finish(job, "failed", outcome.reason)
    else:
        status: Status = "promoted" if outcome.promoted else "kept"
        log.info(
            "%s at horizon %d: version %d is %s: %s", job.ticker, job.horizon, outcome.version, status, outcome.reason
        )
        jobs.finish(job, status, f"version {outcome.version}: {outcome.reason}")


def missing(settings: Settings) -> list[tuple[str, int]]:
    """Tickers and horizons without a model for the kind of their prices, the first horizon of all tickers first."""
    kinds = asyncio.run(_kinds(settings))
    roots = default_roots(settings)
    found: list[tuple[str, int]] = []
    for horizon in settings.horizons:
        for ticker, simulated in kinds.items():
            folder = newest_folder(roots, ticker, horizon)
            try:
                if folder is not None and read_published(folder).card.simulated == simulated:
                    continue
            except UnreadableModel as error:
                log.warning("%s at horizon %d is trained again: %s", ticker, horizon, error)
            found.append((ticker, horizon))
    return found


async def _kinds(settings: Settings) -> dict[str, bool]:
    """Whether the prices of each ticker are simulated; tickers without prices are left out."""
    market = Market.open(settings)
    kinds = {}
    for ticker in settings.tickers:
        try:
            kinds[ticker] = (await market.history(ticker)).bars.simulated
        except MarketError as error:
            log.error("%s is not trained: %s", ticker, error)  # noqa: TRY400  # the line says it all
    await market.close()
    return kinds
