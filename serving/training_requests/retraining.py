"""Training on request: into the queue, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import time

from prometheus_client.metrics_core import GaugeMetricFamily

from configuration import Settings
from serving.contract.problems import not_found, unavailable
from serving.contract.schemas import Retrained, RetrainStep
from serving.contract.validation import check_horizon, check_ticker
from training_queue.jobs import RETRAIN, Job, Step, TrainingJobs
from training_queue.worker_lock import WorkerLock

RETRY_AFTER = 60
LOOK_EVERY = 1.0


class Retraining:
    """The queue of trainings as clients see it."""

    def __init__(self, settings: Settings, jobs: TrainingJobs, worker: WorkerLock) -> None:
        self._settings = settings
        self._jobs = jobs
        self._worker = worker

    async def ask(self, ticker: str, horizon: int | None) -> Retrained:
        """Queue the training of a ticker at `horizon`, or at all of them.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 503 when nobody is there to train.
        """
        ticker = check_ticker(ticker, self._settings)
        if horizon is not None:
            check_horizon(horizon, self._settings)
        if not self._worker.held():
            raise unavailable(
                "No worker trains here; start `python -m training work` with this STOCKS_HOME where the training"
                " packages are installed.",
                RETRY_AFTER,
            )
        horizons = self._settings.horizons if horizon is None else (horizon,)
        return _told(await asyncio.to_thread(self._jobs.add, ticker, horizons, RETRAIN))

    async def outcome(self, job_id: str) -> Retrained:
        """What became of a job.

        Raises:
            Problem: 404 when there is none of this id.
        """
        job = await asyncio.to_thread(self._jobs.get, job_id)
        if job is None:
            raise not_found("There is no such job; those that ended more than a week ago are forgotten.")
        return _told(job)

    def recent(self, limit: int) -> list[Retrained]:
        """The last jobs, the newest first; reads the file of the queue."""
        return [_told(job) for job in self._jobs.recent(limit)]

    def changed_at(self) -> int:
        """When any job moved on last, in nanoseconds."""
        return self._jobs.changed_at()

    async def follow(self, ended: Callable[[Step], Awaitable[None]]) -> None:
        """Tell `ended` of every training that ends, until cancelled."""
        since, changed_at = time(), 0
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if changed_at == (changed_at := self._jobs.changed_at()):
                continue
            for step in await asyncio.to_thread(self._jobs.finished, since):
                await ended(step)
                since = max(since, step.finished_at or since)

    def figures(self) -> list[GaugeMetricFamily]:
        """How many trainings of the last week stand where, and whether a worker is there to train."""
        family = GaugeMetricFamily("stocks_trainings", "Trainings of the last week, by status.", labels=["status"])
        for status, count in self._jobs.outcomes().items():
            family.add_metric([status], count)
        alive = GaugeMetricFamily("stocks_trainer_alive", "1 while a worker of the training queue lives.")
        alive.add_metric([], self._worker.held())
        return [family, alive]


def _told(job: Job) -> Retrained:
    return Retrained(
        ticker=job.ticker,
        job_id=job.job_id,
        status=job.status,
        reason=job.reason,
        queued_at=job.queued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        steps=[RetrainStep(horizon=step.horizon, status=step.status, reason=step.reason) for step in job.steps],
    )
