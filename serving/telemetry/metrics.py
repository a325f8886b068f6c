"""What is counted. Labels are bounded: route templates, configured tickers, never what a client wrote."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import psutil
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

import logs
from serving import VERSION

log = structlog.get_logger(__name__)

_process = {"id": os.getpid()}
os.register_at_fork(after_in_child=lambda: _process.update(id=os.getpid()))
if values.ValueClass is not values.MutexValue:
    # It asks whose file it writes to at every count, which by a call to the system takes longer than the count.
    values.ValueClass = values.MultiProcessValue(lambda: _process["id"])  # type: ignore[no-untyped-call]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. Half a millisecond is a cached answer, ten seconds the deadline. Each bound is a series of each route.
BUCKETS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 1.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

PREDICT = "/predict/{ticker}"
PREDICT_PREFIX = PREDICT.removesuffix("{ticker}")
UNKNOWN = "unknown"
# Tickers that have series of their own, the first configured ones; of thousands the others are counted together.
MOST_LABELLED = 100
OTHERS = "others"

REQUESTS = Histogram(
    "stocks_request_seconds", "Time to answer, by route template.", ["method", "route", "status"], buckets=BUCKETS
)
REFUSED = Counter("stocks_refused_total", "Requests refused because too many were in flight.")
IN_CACHE = Counter("stocks_cache_total", "Predictions by the layer that answered.", ["layer"])
PREDICTIONS = Counter(
    "stocks_predictions_total",
    "Predictions by what made them; fallback says why no model did.",
    ["ticker", "horizon", "type", "fallback"],
)
STAGES = Histogram("stocks_stage_seconds", "Time of one step of a computed prediction.", ["stage"], buckets=BUCKETS)
BATCH_ROWS = Histogram("stocks_batch_rows", "Rows that travelled to the forests in one call.", buckets=SIZES)
MERGED_ROWS = Histogram(
    "stocks_forest_batch_rows", "Rows of one batch as the forests' process got it, of all API workers.", buckets=SIZES
)
QUEUE = Histogram("stocks_queue_seconds", "Wait of a call's first row for the call before it.", buckets=BUCKETS)
LOST_LOG_LINES = Counter("stocks_log_lines_lost_total", "Log lines that could not be written.")
logs.on_lost_line(LOST_LOG_LINES.inc)
SWAPS = Counter("stocks_model_swaps_total", "Published models by what became of them.", ["outcome"])
# There from the start: an alert sees no growth in a series that begins with its first event.
SERVING, REFUSED_MODELS = (SWAPS.labels(outcome) for outcome in ("serving", "refused"))
REDIS_FAILURES = Counter("stocks_redis_failures_total", "Calls to Redis that failed or came too late.")
# Gauges of processes that live: of one that was killed nothing is left to be counted.
STREAM_LISTENERS = Gauge(
    "stocks_stream_listeners", "Clients that hold a stream open.", ["stream"], multiprocess_mode="livesum"
)
STREAM_EVENTS = Counter("stocks_stream_events_total", "Events handed over to clients of a stream.", ["stream"])
STREAM_DROPPED = Counter("stocks_stream_dropped_total", "Clients cut off because they took nothing.", ["stream"])
PRICE_STREAM_OWNER = Gauge(
    "stocks_price_stream_owner", "Whether this machine has the connections for prices.", multiprocess_mode="livesum"
)
PRICE_STREAM_MESSAGES = Counter("stocks_price_stream_messages_total", "Messages of a provider's stream.", ["provider"])
PRICE_STREAM_NEWEST = Gauge(
    "stocks_price_stream_newest_timestamp_seconds",
    "Unix time at which the newest message of a provider's stream came.",
    ["provider"],
    multiprocess_mode="livemax",
)
PRICE_STREAM_RECONNECTS = Counter(
    "stocks_price_stream_reconnects_total",
    "Ends of a provider's stream, after each of which it is made again.",
    ["provider"],
)


_labelled: set[str] = set()


def label_tickers(tickers: Sequence[str]) -> None:
    """Have the first MOST_LABELLED of `tickers` counted apart, and all others as OTHERS."""
    _labelled.clear()
    _labelled.update(tickers[:MOST_LABELLED])


def ticker_label(ticker: str) -> str:
    """What a ticker is counted as."""
    return ticker if ticker in _labelled or not _labelled else OTHERS


class Source(Protocol):
    """Figures that are read when they are asked for rather than counted."""

    def __call__(self) -> Iterable[Metric]:
        """The metrics as they are now."""


class _AtScrape(Collector):
    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        try:
            return [*self._source()]
        except Exception:
            log.exception("metric.unavailable")  # one that cannot be read takes no other away
            return []


def registry(*sources: Source) -> CollectorRegistry:
    """Everything counted by all processes of this server together, and `sources`."""
    found = CollectorRegistry()
    if values.ValueClass is values.MutexValue:  # one process, such as a test
        found.register(_AtScrape(REGISTRY.collect))
    else:
        forget_dead(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
        multiprocess.MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    for source in sources:
        found.register(_AtScrape(source))
    return found


def forget_dead(folder: Path) -> None:
    """Remove the gauges of processes that ended without a word from the folder that all count in."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            multiprocess.mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]


def build_info() -> Iterable[Metric]:
    """What is running, as labels of a metric that is always 1."""
    info = GaugeMetricFamily(
        "stocks_build_info", "Releases of what is running.", labels=["version", "python", "bentoml"]
    )
    info.add_metric([VERSION, platform.python_version(), importlib.metadata.version("bentoml")], 1)
    return [info]


def exposition(*sources: Source) -> bytes:
    """The text that Prometheus scrapes."""
    return generate_latest(registry(build_info, *sources))
