"""Models that were asked for and do not exist yet, or cannot serve."""

import asyncio
from collections.abc import Callable
from time import time

import structlog

from training_queue.database import QueueUnavailable
from training_queue.jobs import ASKED, TrainingJobs
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

log = structlog.get_logger(__name__)

ASK_EVERY_SECONDS = 30.0
# Before a model whose training gave none that serves is trained again.
AFTER_FAILURE_SECONDS = 3600.0
# Between two trainings of a model because of drift.
AGAIN_AFTER_SECONDS = 86400.0


class WantedModels:
    """Asks the worker for what users wait for."""

    def __init__(self, jobs: TrainingJobs, publications: Publications, worker: WorkerLock) -> None:
        self._jobs = jobs
        self._publications = publications
        self._worker = worker
        self._asked: dict[tuple[str, int], float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, ticker: str, horizon: int) -> None:
        """Put a model at the head of the training queue, where a worker is there; cheap when repeated, never waits."""
        now = time()
        if now - self._asked.get((ticker, horizon), 0.0) < ASK_EVERY_SECONDS:
            return
        self._asked[ticker, horizon] = now
        self._start(self._add, ticker, horizon, now)

    def repair(self, ticker: str, horizon: int) -> None:
        """Have a model whose published files do not serve published again; never waits."""
        self._start(self._publications.request, ticker, horizon)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        task = asyncio.create_task(asyncio.to_thread(work, *arguments))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _add(self, ticker: str, horizon: int, now: float) -> None:
        if not self._worker.held():
            return
        try:
            if not self._jobs.failed_since(ticker, horizon, since=now - AFTER_FAILURE_SECONDS):
                self._jobs.add(ticker, [horizon], ASKED)
        except QueueUnavailable as error:
            log.warning("queue.unavailable", problem=str(error))


class WantedRetraining:
    """Asks the worker for a model anew because its intervals are wrong, at most once a day."""

    def __init__(self, jobs: TrainingJobs, worker: WorkerLock) -> None:
        self._jobs = jobs
        self._worker = worker

    def ask(self, ticker: str, horizon: int) -> None:
        """Queue the training where a worker is there; reads and writes the file of the queue."""
        if not self._worker.held():
            return
        try:
            last = self._jobs.last(ticker, horizon)
            if last is None or last.ended_at < time() - AGAIN_AFTER_SECONDS:
                self._jobs.add(ticker, [horizon], ASKED)
                log.info("training.queued", ticker=ticker, horizon=horizon, reason="drift")
        except QueueUnavailable as error:
            log.warning("queue.unavailable", problem=str(error))
