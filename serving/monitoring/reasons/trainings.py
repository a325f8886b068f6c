"""Whether trainings fail, whatever the model: a reason of the service, not of one ticker."""

from collections.abc import Iterable
from itertools import takewhile

from training_queue.jobs import TrainingJobs
from training_queue.steps import Result

# Failures of so many different models in a row say that the pipeline is broken.
IN_A_ROW = 3
LONGEST_REASON = 300

Key = tuple[str, int]


class FailingTrainings:
    """Reads the last outcome of each model, again only when the list has changed."""

    def __init__(self, jobs: TrainingJobs, keys: Iterable[Key]) -> None:
        """Look at the models of `keys`, tickers and horizons, alone."""
        self._jobs = jobs
        self._keys = frozenset(keys)
        self._changed_at = -1
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """One sentence when the newest trainings have all failed; reads the file of the queue.

        Raises:
            QueueUnavailable: the list cannot be read.
        """
        changed_at = self._jobs.changed_at()
        if changed_at != self._changed_at:
            self._problems = self._look()
            self._changed_at = changed_at
        return self._problems

    def _look(self) -> list[str]:
        newest = [(key, result) for key, result in self._jobs.last_results() if key in self._keys]
        in_a_row = [*takewhile(lambda one: one[1].status == "failed", newest)]
        if not newest or len(in_a_row) < min(IN_A_ROW, len(self._keys)):
            return []
        failed = sum(result.status == "failed" for _, result in newest)
        return [_sentence(failed, *in_a_row[0])]


def _sentence(failed: int, key: Key, result: Result) -> str:
    models = "1 model" if failed == 1 else f"{failed} models"
    reason = " ".join(result.reason.split())[:LONGEST_REASON]
    return f"the last training of {models} failed; mend what the newest says ({key[0]} at horizon {key[1]}): {reason}"
