"""Models that were asked for and do not exist yet."""

from time import time

from forecasting.training_jobs import ASKED, TrainingJobs

# Seconds between two looks at the same model's jobs, and before one that failed is tried again.
ASK_EVERY = 30.0
AFTER_FAILURE = 3600.0


class WantedModels:
    """Puts what users wait for at the head of the training queue."""

    def __init__(self, jobs: TrainingJobs, *, enabled: bool) -> None:
        self._jobs = jobs
        self._enabled = enabled
        self._asked: dict[tuple[str, int], float] = {}

    def ask(self, ticker: str, horizon: int) -> None:
        """Note that somebody asked for this model; cheap when repeated."""
        now = time()
        if not self._enabled or now - self._asked.get((ticker, horizon), 0.0) < ASK_EVERY:
            return
        self._asked[ticker, horizon] = now
        if not self._jobs.failures(ticker, horizon, since=now - AFTER_FAILURE):
            self._jobs.add(ticker, horizon, ASKED)
