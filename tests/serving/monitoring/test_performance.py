"""What is counted, and what the figures make of it."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from configuration import ROOT
from serving.monitoring import window
from serving.monitoring.process_memory import MemoryUse, memory_mb
from serving.monitoring.reports import PerformanceReports
from serving.monitoring.track_record.track_record import TrackRecord
from serving.monitoring.window import Counts, Performance, Timing, read_counts
from serving.telemetry import metrics
from serving.telemetry.batches import write_all
from serving.telemetry.metrics import BUCKETS
from serving.training_requests.trainer_process import COMMAND
from tests.serving.running import wait_until

SECONDS = st.floats(min_value=0.0001, max_value=9.9)


def timing_of(seconds: list[float]) -> Timing:
    registry = CollectorRegistry()
    histogram = Histogram(
        "stocks_request_seconds", "Time.", ["method", "route", "status"], buckets=BUCKETS, registry=registry
    )
    for one in seconds:
        histogram.labels("GET", "/x", "200").observe(one)
    return read_counts(registry).timing()


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_is_right_to_its_bucket(seconds: list[float], fraction: float) -> None:
    exact = sorted(seconds)[max(0, -(-int(fraction * 100 * len(seconds)) // 100) - 1)]
    bounds = (0.0, *BUCKETS)
    index = next(index for index, bound in enumerate(bounds) if exact <= bound)

    found = timing_of(seconds).quantile(fraction)

    assert bounds[max(index - 1, 0)] - 1e-9 <= found <= bounds[min(index + 1, len(bounds) - 1)] + 1e-9


@given(st.lists(SECONDS, min_size=1, max_size=50), st.lists(SECONDS, max_size=50))
def test_what_was_added_is_the_difference_of_two_looks(before: list[float], added: list[float]) -> None:
    difference = timing_of(before + added) - timing_of(before)

    assert difference.count == len(added)
    assert difference.buckets == timing_of(added).buckets if added else difference.quantile(0.5) == 0


def test_without_requests_there_is_nothing_to_complain_about() -> None:
    nothing = Timing()

    assert (nothing.mean, nothing.quantile(0.95), nothing.within(0.1)) == (0.0, 0.0, 1.0)


def test_slower_than_the_last_bucket_is_told_as_its_bound() -> None:
    assert timing_of([60.0]).quantile(0.5) == BUCKETS[-1]


def test_the_share_of_fast_ones() -> None:
    assert timing_of([0.01, 0.05, 0.3, 2.0]).within(0.1) == 0.5


@pytest.fixture
def figures(make_settings: Any, market: Any, tmp_path: Path) -> tuple[Performance, PerformanceReports]:
    """Memory aside: that of the process which runs the tests says nothing."""
    looked = Performance()
    return looked, PerformanceReports(
        make_settings(serving__memory_alert_mb=1e6), looked, market, TrackRecord(tmp_path)
    )


@pytest.fixture(autouse=True)
def _nothing_left_to_count() -> None:
    """What earlier tests have counted is written before this one begins."""
    write_all()


def count(status: str = "200", seconds: float = 0.004, times: int = 1, layer: str = "memory") -> None:
    for _ in range(times):
        metrics.REQUESTS.labels("GET", metrics.PREDICT, status).observe(seconds)
        metrics.IN_CACHE.labels(layer).inc()


async def test_all_figures_are_of_what_happened_since(figures: tuple[Performance, PerformanceReports]) -> None:
    _, told = figures
    count(times=8)
    count(times=2, layer="miss", seconds=0.2)

    found = await told.metrics()

    route = found.request_performance["GET /predict/{ticker}"]
    assert route.count == 10
    assert route.avg_time == pytest.approx(0.0432)
    assert route.p50_time < 0.005
    assert 0.1 < route.p95_time <= 0.2
    assert route.error_rate == 0
    assert found.cache_performance.hit_rate == 0.8
    assert found.cache_performance.by_layer == {"memory": 8, "miss": 2}
    assert found.prediction_performance.predictions_under_100ms == 0.8
    assert found.provider_usage["alpha_vantage"].used_today == 3
    assert 0 < found.memory_usage.current_mb <= found.memory_usage.peak_mb


@pytest.mark.parametrize(
    ("counted", "status"),
    [
        ([{"times": 100}], "optimal"),
        ([{"times": 100}, {"times": 10, "status": "500"}], "critical"),
        ([{"times": 100, "seconds": 0.5}], "degraded"),
        ([{"times": 30}, {"times": 30, "layer": "miss"}], "degraded"),
        ([{"times": 2, "layer": "miss"}], "optimal"),
        ([{"times": 11}, {"times": 1, "status": "503"}], "optimal"),
        ([{"times": 3, "seconds": 0.5}], "optimal"),
        ([], "optimal"),
    ],
)
async def test_the_summary_has_a_word_for_it(
    figures: tuple[Performance, PerformanceReports], counted: list[dict[str, Any]], status: str
) -> None:
    for one in counted:
        count(**one)

    found = await figures[1].summary()

    assert found.status == status
    assert bool(found.reasons) == (status != "optimal")


async def test_every_limit_that_was_passed_is_a_reason_in_words(
    figures: tuple[Performance, PerformanceReports],
) -> None:
    count(times=18, seconds=0.5, layer="miss")
    count(times=2, seconds=0.5, layer="miss", status="503")

    failed, slow, cold = (await figures[1].summary()).reasons

    assert failed == "10.0% of 20 requests failed (5xx), above performance.error_rate 1.0%"
    assert slow.startswith("95 % were answered within ")
    assert slow.endswith(" s, above performance.p95_seconds 0.1")
    assert cold == "caches answered 0.0% of 20 predictions, below performance.hit_rate 80.0%"


async def test_more_memory_than_allowed_is_degraded(make_settings: Any, market: Any, tmp_path: Path) -> None:
    settings = make_settings(serving__memory_alert_mb=1)

    assert (
        await PerformanceReports(settings, Performance(), market, TrackRecord(tmp_path)).summary()
    ).status == "degraded"


async def test_the_trainers_memory_is_shown_and_alerts_nobody(make_settings: Any, market: Any, tmp_path: Path) -> None:
    settings = make_settings(serving__memory_alert_mb=500)
    looked = Performance(lambda: MemoryUse(serving=400.0, trainer=900.0))
    told = PerformanceReports(settings, looked, market, TrackRecord(tmp_path))

    summary, detail = await told.summary(), (await told.metrics()).memory_usage

    assert (summary.memory_usage_mb, summary.trainer_memory_mb, summary.status) == (400.0, 900.0, "optimal")
    assert (detail.current_mb, detail.avg_mb, detail.peak_mb, detail.trainer_mb) == (400.0, 400.0, 400.0, 900.0)
    text = metrics.exposition(told.memory_figures).decode()
    assert 'stocks_memory_bytes{role="trainer"} 9.437184e+08' in text


async def test_what_is_older_than_the_window_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "WINDOW", 0.05)
    looked = Performance()
    count(times=5)
    await asyncio.sleep(0.06)
    looked.look()
    looked.look()
    await asyncio.sleep(0.06)
    looked.look()

    assert looked.recent().timing("GET", metrics.PREDICT).count == 0


async def test_it_watches_until_it_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Performance()
    monkeypatch.setattr(window, "LOOK_EVERY", 0.01)
    watching = asyncio.create_task(looked.watch())
    async with asyncio.timeout(60):
        while looked.memory_mean() == 0:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.01)
    watching.cancel()

    assert looked.peak_mb >= looked.memory_mean() > 0


def test_memory_is_that_of_a_python_process_at_least() -> None:
    assert 10 < memory_mb().serving < 50_000


def test_a_trainer_beside_this_process_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_mb().trainer == 0
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    monkeypatch.setenv("STOCKS_TRAINING__ON_START", "false")
    with subprocess.Popen(COMMAND, cwd=ROOT) as trainer:
        wait_until(lambda: memory_mb().trainer > 5, 300, "it is seen")
        trainer.kill()

    assert memory_mb().trainer == 0


def test_the_exposition_has_our_families_and_what_is_read_at_the_moment(
    figures: tuple[Performance, PerformanceReports],
) -> None:
    count()
    text = metrics.exposition(figures[1].memory_figures).decode()

    assert "stocks_memory_bytes" in text
    assert 'stocks_request_seconds_bucket{le="0.005",method="GET",route="/predict/{ticker}",status="200"}' in text


def test_layers_that_never_answered_are_left_out() -> None:
    assert Counts({}, {("memory",): 2.0, ("redis",): 0.0}).by_layer() == {"memory": 2}
