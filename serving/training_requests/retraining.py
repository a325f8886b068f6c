"""Training on request: into the queue, and its outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, time

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily

from configuration import Settings
from redis_client.failures import RedisUnavailable
from serving.contract.problems import not_found, unavailable
from serving.contract.schemas import Retrained, RetrainStep
from serving.contract.validation import check_horizon, check_ticker
from serving.training_requests.shared_jobs import SharedJobs
from training_queue.database import QueueUnavailable
from training_queue.jobs import RETRAIN, TrainingJobs
from training_queue.steps import STATUSES, Job, Step
from training_queue.worker_lock import WorkerLock
from training_queue.worker_wait import WorkerWait

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 60
QUEUE_RETRY_AFTER_SECONDS = 10
LOOK_EVERY = 1.0
# The last jobs that people asked for; other replicas are told how they stand.
TOLD = 20
# Seconds after the start within which the trainer beside the service may still be starting.
TRAINER_STARTS_WITHIN = 60.0


class Retraining:
    """The queue of trainings, and the trainer, as clients see them."""

    def __init__(
        self,
        settings: Settings,
        jobs: TrainingJobs,
        worker: WorkerLock,
        shared: SharedJobs,
        *,
        expects_trainer: bool = False,
    ) -> None:
        """Wire the parts.

        Args:
            shared: the jobs of other replicas.
            expects_trainer: whether this service keeps a trainer, so that one lives or is started again.
        """
        self._settings = settings
        self._jobs = jobs
        self._worker = worker
        self._shared = shared
        self._expects_trainer = expects_trainer
        self._waits = WorkerWait(settings.home)
        self._missed_after = monotonic() + TRAINER_STARTS_WITHIN

    async def ask(self, ticker: str, horizon: int | None) -> Retrained:
        """Queue the training of a ticker at `horizon`, or at all of them.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 503 when no worker lives and this service keeps none, or the
                queue cannot be written.
        """
        ticker = check_ticker(ticker, self._settings)
        if horizon is not None:
            check_horizon(horizon, self._settings)
        if (problem := self._refusal()) and not self._worker.held():
            raise unavailable(f"Nothing is trained here: {problem}", RETRY_AFTER_SECONDS)
        if not (self._expects_trainer or self._worker.held()):
            raise unavailable(
                "No worker trains here; start `python -m training work` with this STOCKS_HOME where the training"
                " packages are installed.",
                RETRY_AFTER_SECONDS,
            )
        horizons = self._settings.horizons if horizon is None else (horizon,)
        try:
            queued = _retrained(await asyncio.to_thread(self._jobs.add, ticker, horizons, RETRAIN))
        except QueueUnavailable as error:
            raise _queue_unavailable(error) from None
        await self._shared.tell([queued])
        return queued

    async def outcome(self, job_id: str) -> Retrained:
        """The job of this id as it stands, or as another replica told a moment ago.

        Raises:
            Problem: 404 when there is none of this id, 503 when the queue or what others told cannot be read.
        """
        try:
            job = await asyncio.to_thread(self._jobs.get, job_id)
        except QueueUnavailable as error:
            raise _queue_unavailable(error) from None
        found = _retrained(job) if job else await self._elsewhere(job_id)
        if found is None:
            raise not_found("There is no such job; those that ended more than a week ago are forgotten.")
        return found

    async def _elsewhere(self, job_id: str) -> Retrained | None:
        try:
            return await self._shared.find(job_id)
        except RedisUnavailable:
            reason = "This replica does not know the job, and Redis, where others tell of theirs, does not answer."
            raise unavailable(reason, QUEUE_RETRY_AFTER_SECONDS) from None

    def recent(self, limit: int) -> list[Retrained]:
        """The last jobs, the newest first; reads the file of the queue."""
        return [_retrained(job) for job in self._jobs.recent(limit)]

    def changed_at(self) -> int:
        """When any job moved on last, in nanoseconds."""
        return self._jobs.changed_at()

    async def follow(self, ended: Callable[[Step], Awaitable[None]]) -> None:
        """Tell `ended` of every training that ends, and other replicas how those stand here, until cancelled."""
        since, changed_at, problem = time(), 0, ""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if changed_at == (changed_at := self._jobs.changed_at()):
                continue
            try:
                for step in await asyncio.to_thread(self._jobs.finished, since):
                    await ended(step)
                    since = max(since, step.finished_at or since)
                await self._tell()
                problem = ""
            except QueueUnavailable as error:
                if problem != (problem := str(error)):
                    log.warning("queue.unavailable", problem=problem)
                changed_at = 0
            except Exception:
                log.exception("queue.look_failed")
                changed_at = 0

    async def _tell(self) -> None:
        if self._shared.are_shared:
            asked = await asyncio.to_thread(self._jobs.recent, TOLD, priority=RETRAIN)
            await self._shared.tell([_retrained(job) for job in asked])

    async def close(self) -> None:
        """Close the connections."""
        await self._shared.close()

    def trainer_problem(self) -> str:
        """Why nothing is trained: this service's trainer is dead, or the one there is waits; empty when it works."""
        waits_for = self._waits.reason()
        if not (self._expects_trainer or waits_for):
            return ""
        if self._worker.held():
            self._missed_after = 0.0
            return waits_for
        if not self._expects_trainer:
            return ""
        if refusal := self._refusal():
            return f"nothing is trained: {refusal}"
        return "the trainer does not run; it is started again" if monotonic() > self._missed_after else ""

    def _refusal(self) -> str:
        """What the trainer that this service keeps says is wrong with its settings."""
        return self._worker.refusal() if self._expects_trainer else ""

    def figures(self) -> list[GaugeMetricFamily]:
        """For Prometheus: whether a trainer lives, and how many trainings of the last week have which status."""
        alive = GaugeMetricFamily("stocks_trainer_alive", "1 while a worker of the training queue lives, else 0.")
        alive.add_metric([], float(self._worker.held()))
        trainings = GaugeMetricFamily("stocks_trainings", "Trainings of the last week, by status.", labels=["status"])
        try:
            for status, count in (dict.fromkeys(STATUSES, 0) | self._jobs.outcomes()).items():
                trainings.add_metric([status], count)
        except QueueUnavailable as error:
            log.warning("queue.unavailable", problem=str(error))
        return [alive, trainings]


def _queue_unavailable(error: QueueUnavailable) -> Exception:
    return unavailable(f"The list of trainings cannot be used now: {error}", QUEUE_RETRY_AFTER_SECONDS)


def _retrained(job: Job) -> Retrained:
    return Retrained(
        ticker=job.ticker,
        job_id=job.job_id,
        status=job.status,
        reason=job.reason,
        queued_at=job.queued_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        steps=[_step(step) for step in job.steps],
    )


def _step(step: Step) -> RetrainStep:
    return RetrainStep(
        horizon=step.horizon,
        status=step.status,
        reason=step.reason,
        started_at=step.started_at,
        finished_at=step.finished_at,
    )
