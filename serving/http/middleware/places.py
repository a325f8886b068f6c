"""How many requests may be in flight, so that those that are get their answers."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from configuration import Settings
from serving.contract.problems import unavailable
from serving.http.middleware.native import PROBES
from serving.telemetry import metrics

OBSERVERS = PROBES | {"/health", "/metrics"}
# Requests of probes and scrapers that are answered at the same time, whatever the load is.
OBSERVER_PLACES = 32


class Places:
    """Counts the requests in flight; probes and scrapers have places of their own."""

    def __init__(self, settings: Settings) -> None:
        """Share the configured places among the workers."""
        self._most = math.ceil(settings.serving.max_concurrency / settings.serving.workers)
        self._clients = self._observers = 0

    @contextmanager
    def taken(self, path: str) -> Iterator[None]:
        """Take a place for the block.

        Raises:
            Problem: 503 when there is none.
        """
        if path in OBSERVERS:
            self._observers += 1
            try:
                _check(self._observers, OBSERVER_PLACES)
                yield
            finally:
                self._observers -= 1
        else:
            self._clients += 1
            try:
                _check(self._clients, self._most)
                yield
            finally:
                self._clients -= 1


def _check(taken: int, most: int) -> None:
    if taken > most:
        metrics.REFUSED.inc()
        raise unavailable(f"{most} requests are in flight; ask again", retry_after=1)
