"""Models that were asked for and do not exist yet."""

import asyncio
from time import time

from training_queue.jobs import ASKED, TrainingJobs
from training_queue.worker_lock import WorkerLock

# Seconds between two looks at the same model's jobs, and before one whose training was in vain is tried again.
ASK_EVERY = 30.0
AFTER_FAILURE = 3600.0


class WantedModels:
    """Puts what users wait for at the head of the training queue, where a worker is there to train it."""

    def __init__(self, jobs: TrainingJobs, worker: WorkerLock) -> None:
        self._jobs = jobs
        self._worker = worker
        self._asked: dict[tuple[str, int], float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, ticker: str, horizon: int) -> None:
        """Note that somebody asked for this model; cheap when repeated, and never waits."""
        now = time()
        if now - self._asked.get((ticker, horizon), 0.0) < ASK_EVERY:
            return
        self._asked[ticker, horizon] = now
        task = asyncio.create_task(asyncio.to_thread(self._add, ticker, horizon, now))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _add(self, ticker: str, horizon: int, now: float) -> None:
        if not self._worker.held() or self._jobs.failed_since(ticker, horizon, since=now - AFTER_FAILURE):
            return
        self._jobs.add(ticker, [horizon], ASKED)
