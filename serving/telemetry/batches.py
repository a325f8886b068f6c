"""Counts of the hot path: added up in memory, written together once a second and before each scrape of this process."""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache

from prometheus_client import Counter, Histogram

from compat.prometheus_batches import observe_all

WRITE_EVERY_SECONDS = 1.0

_batches: "list[BatchedCounter | BatchedHistogram]" = []


class BatchedCounter:
    """A counter whose `count` is written later.

    Attributes:
        count: to be written; whoever counts adds to it.
    """

    __slots__ = ("_counter", "count")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.count = 0
        _batches.append(self)

    def write(self) -> None:
        """Write what was counted."""
        if self.count:
            count, self.count = self.count, 0
            self._counter.inc(count)


class BatchedHistogram:
    """A histogram whose observed `values` are written later.

    Attributes:
        values: to be written; whoever observes appends to it.
    """

    __slots__ = ("_histogram", "values")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self.values: list[float] = []
        _batches.append(self)

    def write(self) -> None:
        """Write what was observed."""
        if self.values:
            values, self.values = self.values, []
            observe_all(self._histogram, values)


@cache
def counter(family: Counter, *labels: str) -> BatchedCounter:
    """Return the one batched counter of `family` with these labels."""
    return BatchedCounter(family.labels(*labels))


@cache
def histogram(family: Histogram, *labels: str) -> BatchedHistogram:
    """Return the one batched histogram of `family` with these labels."""
    return BatchedHistogram(family.labels(*labels))


def write_all() -> None:
    """Write everything that was counted."""
    for batch in _batches:
        batch.write()


async def write_regularly(*others: Callable[[], None]) -> None:
    """Write counts, and by `others` what they hold back, until cancelled, and what is left then."""
    try:
        while True:
            await asyncio.sleep(WRITE_EVERY_SECONDS)
            _write_with(others)
    finally:
        _write_with(others)


def _write_with(others: Sequence[Callable[[], None]]) -> None:
    write_all()
    for write in others:
        write()
