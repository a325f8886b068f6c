"""What is counted. Labels are bounded: route templates, configured tickers, never what a client wrote."""

import os
from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY, Collector

_process = {"id": os.getpid()}
os.register_at_fork(after_in_child=lambda: _process.update(id=os.getpid()))
if values.ValueClass is not values.MutexValue:
    # It asks whose file it writes to at every count, which by a call to the system takes longer than the count.
    values.ValueClass = values.MultiProcessValue(lambda: _process["id"])  # type: ignore[no-untyped-call]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. Half a millisecond is a cached answer, ten seconds the deadline.
BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0),
)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

PREDICT = "/predict/{ticker}"
PREDICT_PREFIX = PREDICT.removesuffix("{ticker}")
UNKNOWN = "unknown"

REQUESTS = Histogram(
    "stocks_request_seconds", "Time to answer, by route template.", ["method", "route", "status"], buckets=BUCKETS
)
REFUSED = Counter("stocks_refused_total", "Requests refused because too many were in flight.")
IN_CACHE = Counter("stocks_cache_total", "Predictions by the layer that answered.", ["layer"])
PREDICTIONS = Counter(
    "stocks_predictions_total",
    "Predictions by what made them; fallback says why no model did.",
    ["ticker", "horizon", "type", "version", "fallback"],
)
STAGES = Histogram("stocks_stage_seconds", "Time of one step of a computed prediction.", ["stage"], buckets=BUCKETS)
BATCH_ROWS = Histogram("stocks_batch_rows", "Rows that travelled to the forests in one call.", buckets=SIZES)
QUEUE = Histogram("stocks_queue_seconds", "Wait of a call's first row for the call before it.", buckets=BUCKETS)
SWAPS = Counter("stocks_model_swaps_total", "Published models by what became of them.", ["outcome"])
REDIS_FAILURES = Counter("stocks_redis_failures_total", "Calls to Redis that failed or came too late.")


class Source(Protocol):
    """Figures that are read when they are asked for rather than counted."""

    def __call__(self) -> Iterable[Metric]:
        """The metrics as they are now."""


class _AtScrape(Collector):
    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        return self._source()


def registry(*sources: Source) -> CollectorRegistry:
    """Everything counted by all processes of this server together, and `sources`."""
    found = CollectorRegistry()
    if values.ValueClass is values.MutexValue:  # one process, such as a test
        found.register(_AtScrape(REGISTRY.collect))
    else:
        multiprocess.MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    for source in sources:
        found.register(_AtScrape(source))
    return found


def exposition(*sources: Source) -> bytes:
    """The text that Prometheus scrapes."""
    return generate_latest(registry(*sources))
