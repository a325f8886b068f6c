"""Measure the last quarter of an hour over all processes of the service.

The counters of Prometheus are the only record: they are read every few seconds, and an answer is the difference
between two readings.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from prometheus_client import CollectorRegistry

from serving.monitoring.process_memory import MemoryUse, memory_mb
from serving.telemetry import metrics
from serving.telemetry.batches import write_all

WINDOW = 900.0
LOOK_EVERY = 15.0
SERVER_ERROR = "5"
FAST = 0.1  # seconds; "predictions under 100 ms"

# (method, route, status) or (layer,) to what was counted.
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """Requests of one kind.

    Attributes:
        count: how many.
        seconds: of all of them together.
        buckets: of these, how many took at most `metrics.BUCKETS[i]` seconds, cumulative.
    """

    count: float = 0
    seconds: float = 0
    buckets: tuple[float, ...] = (0.0,) * len(metrics.BUCKETS)

    def __add__(self, other: "Timing") -> "Timing":
        return self._with(other, 1)

    def __sub__(self, other: "Timing") -> "Timing":
        return self._with(other, -1)

    def _with(self, other: "Timing", sign: int) -> "Timing":
        buckets = tuple(one + sign * two for one, two in zip(self.buckets, other.buckets, strict=True))
        return Timing(self.count + sign * other.count, self.seconds + sign * other.seconds, buckets)

    @property
    def mean(self) -> float:
        """Return the mean in seconds; 0 without requests."""
        return self.seconds / self.count if self.count else 0.0

    def quantile(self, fraction: float) -> float:
        """Return the quantile `fraction` in seconds, interpolated within a bucket."""
        rank = fraction * self.count
        index = bisect_left(self.buckets, rank)
        if not self.count:
            return 0.0
        if index == len(self.buckets):
            return metrics.BUCKETS[-1]
        low, upper = (0.0, 0.0) if index == 0 else (self.buckets[index - 1], metrics.BUCKETS[index - 1])
        inside = self.buckets[index] - low
        return upper + (metrics.BUCKETS[index] - upper) * ((rank - low) / inside if inside else 1.0)

    def within(self, seconds: float) -> float:
        """Return the share of requests that took at most `seconds`, one of the buckets' bounds; 1 without requests."""
        return self.buckets[metrics.BUCKETS.index(seconds)] / self.count if self.count else 1.0


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters at one moment, or what was added to them between two."""

    requests: Mapping[Labels, Timing]
    layers: Mapping[Labels, float]

    def since(self, before: "Counts") -> "Counts":
        """Return what was added since `before`."""
        requests = {key: value - before.requests.get(key, Timing()) for key, value in self.requests.items()}
        layers = {key: value - before.layers.get(key, 0.0) for key, value in self.layers.items()}
        return Counts(requests, layers)

    def timing(self, method: str | None = None, route: str | None = None, status: str = "") -> Timing:
        """Sum the requests that match."""
        fitting = (
            timing
            for (its_method, its_route, its_status), timing in self.requests.items()
            if method in {None, its_method} and route in {None, its_route} and its_status.startswith(status)
        )
        return sum(fitting, Timing())

    def by_layer(self) -> dict[str, int]:
        """Return predictions by the cache layer that answered."""
        return {layer: int(count) for (layer,), count in self.layers.items() if count}


NOTHING = Counts({}, {})


class Performance:
    """Reads the counters every few seconds and keeps a quarter of an hour of readings."""

    def __init__(self, memory: Callable[[], MemoryUse] = memory_mb) -> None:
        self._memory_mb = memory
        self._looks: deque[tuple[float, Counts]] = deque([(monotonic(), read_counts(metrics.registry()))])
        self._memory: deque[float] = deque(maxlen=int(WINDOW / LOOK_EVERY))
        self.peak_mb = 0.0

    async def watch(self) -> None:
        """Read the counters until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Read the counters and the memory."""
        now = monotonic()
        self._looks.append((now, read_counts(metrics.registry())))
        while len(self._looks) > 1 and self._looks[1][0] <= now - WINDOW:
            self._looks.popleft()
        self.memory_now()

    def recent(self) -> Counts:
        """Return what was counted in the last quarter of an hour."""
        write_all()
        return read_counts(metrics.registry()).since(self._looks[0][1])

    def memory_now(self) -> MemoryUse:
        """Return the memory of service and trainer now; mean and peak are the service's."""
        found = self._memory_mb()
        self._memory.append(found.serving)
        self.peak_mb = max(self.peak_mb, found.serving)
        return found

    def memory_mean(self) -> float:
        """MiB, over the last quarter of an hour."""
        return sum(self._memory) / len(self._memory) if self._memory else 0.0


def read_counts(registry: CollectorRegistry) -> Counts:
    """Read the counters from `registry`."""
    requests: dict[Labels, dict[str, float]] = {}
    layers: dict[Labels, float] = {}
    for metric in registry.collect():
        if metric.name == "stocks_request_seconds":
            for sample in metric.samples:
                key = tuple(sample.labels[name] for name in ("method", "route", "status"))
                part = sample.name.removeprefix(metric.name) + sample.labels.get("le", "")
                requests.setdefault(key, {})[part] = sample.value
        elif metric.name == "stocks_cache":
            layers |= {(s.labels["layer"],): s.value for s in metric.samples if s.name.endswith("_total")}
    return Counts({key: _timing(parts) for key, parts in requests.items()}, layers)


def _timing(parts: Mapping[str, float]) -> Timing:
    buckets: Iterable[float] = (parts.get(f"_bucket{bound}", 0.0) for bound in metrics.BUCKETS)
    return Timing(parts.get("_count", 0.0), parts.get("_sum", 0.0), tuple(buckets))
