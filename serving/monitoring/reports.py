"""The service's figures as clients read them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.metrics_core import GaugeMetricFamily

from configuration import Settings
from market.market import Market
from serving.contract.performance import (
    ApiSummary,
    CacheFigures,
    MemoryFigures,
    ModelSummary,
    PerformanceMetrics,
    PerformanceSummary,
    PredictionFigures,
    ProviderFigures,
    RequestFigures,
)
from serving.monitoring.process_memory import MIB
from serving.monitoring.track_record.track_record import TrackRecord
from serving.monitoring.window import FAST, SERVER_ERROR, Counts, Performance
from serving.telemetry import metrics

# Layers that count as a hit; `bypass` was asked not to be one and counts as nothing.
HITS = ("memory", "redis", "prediction", "stale")
MISS = "miss"
# Requests below which a share of errors or a time says nothing, and predictions below which a hit rate does not.
ENOUGH = 20


class PerformanceReports:
    """Answers of /performance/* and what /metrics reads when it is asked."""

    def __init__(self, settings: Settings, performance: Performance, market: Market, track_record: TrackRecord) -> None:
        self._settings = settings
        self._performance = performance
        self._market = market
        self._track_record = track_record

    async def metrics(self) -> PerformanceMetrics:
        """Everything, in detail."""
        counts = await asyncio.to_thread(self._performance.recent)
        predictions = counts.timing("GET", metrics.PREDICT)
        return PerformanceMetrics(
            timestamp=datetime.now(UTC),
            request_performance=dict(_by_route(counts)),
            memory_usage=await asyncio.to_thread(self._memory),
            cache_performance=_cache(counts),
            prediction_performance=PredictionFigures(
                avg_time=predictions.mean,
                p95_time=predictions.quantile(0.95),
                predictions_under_100ms=predictions.within(FAST),
                accuracy=self._track_record.scores.by_ticker(),
            ),
            provider_usage={name: ProviderFigures(**used) for name, used in (await self._market.usage()).items()},
        )

    async def summary(self) -> PerformanceSummary:
        """The four figures that matter, and a word for them."""
        counts = await asyncio.to_thread(self._performance.recent)
        memory = await asyncio.to_thread(self._performance.memory_now)
        every = counts.timing()
        failed = counts.timing(status=SERVER_ERROR).count
        api = ApiSummary(
            p95_response_time=every.quantile(0.95), error_rate=failed / every.count if every.count else 0.0
        )
        cache = _cache(counts)
        failing = self._failing(api, every.count)
        reasons = [*failing, *self._beyond_limits(api, every.count, cache), *self._too_much_memory(memory.serving)]
        return PerformanceSummary(
            api_performance=api,
            ml_performance=ModelSummary(predictions_under_100ms=counts.timing("GET", metrics.PREDICT).within(FAST)),
            cache_performance=cache.hit_rate,
            memory_usage_mb=memory.serving,
            trainer_memory_mb=memory.trainer,
            status="critical" if failing else "degraded" if reasons else "optimal",
            reasons=reasons,
        )

    def memory_figures(self) -> list[GaugeMetricFamily]:
        """Memory for Prometheus."""
        used = self._performance.memory_now()
        family = GaugeMetricFamily("stocks_memory_bytes", "Proportional set size of all processes.", labels=["role"])
        family.add_metric(["serving"], used.serving * MIB)
        family.add_metric(["trainer"], used.trainer * MIB)
        return [family]

    def _memory(self) -> MemoryFigures:
        now = self._performance.memory_now()
        return MemoryFigures(
            current_mb=now.serving,
            avg_mb=self._performance.memory_mean(),
            peak_mb=self._performance.peak_mb,
            trainer_mb=now.trainer,
        )

    def _failing(self, api: ApiSummary, requests: float) -> list[str]:
        limit = self._settings.performance.error_rate
        if requests < ENOUGH or api.error_rate <= limit:
            return []
        return [
            f"{api.error_rate:.1%} of {requests:.0f} requests failed (5xx), above performance.error_rate {limit:.1%}"
        ]

    def _beyond_limits(self, api: ApiSummary, requests: float, cache: CacheFigures) -> list[str]:
        limits, reasons = self._settings.performance, []
        if requests >= ENOUGH and api.p95_response_time > limits.p95_seconds:
            reasons.append(
                f"95 % were answered within {api.p95_response_time:.3g} s, above performance.p95_seconds"
                f" {limits.p95_seconds:g}"
            )
        predictions = cache.hits + cache.misses
        if predictions >= ENOUGH and cache.hit_rate < limits.hit_rate:
            reasons.append(
                f"caches answered {cache.hit_rate:.1%} of {predictions} predictions, below performance.hit_rate"
                f" {limits.hit_rate:.1%}"
            )
        return reasons

    def _too_much_memory(self, used: float) -> list[str]:
        limit = self._settings.serving.memory_alert_mb
        return [f"serving takes {used:.0f} MiB, above serving.memory_alert_mb {limit:g}"] if used > limit else []


def _by_route(counts: Counts) -> Iterator[tuple[str, RequestFigures]]:
    for method, route in sorted({(method, route) for method, route, _ in counts.requests}):
        timing = counts.timing(method, route)
        if timing.count:
            failed = counts.timing(method, route, SERVER_ERROR).count
            yield (
                f"{method} {route}",
                RequestFigures(
                    count=int(timing.count),
                    avg_time=timing.mean,
                    p50_time=timing.quantile(0.5),
                    p95_time=timing.quantile(0.95),
                    p99_time=timing.quantile(0.99),
                    error_rate=failed / timing.count,
                ),
            )


def _cache(counts: Counts) -> CacheFigures:
    by_layer = counts.by_layer()
    hits, misses = sum(by_layer.get(layer, 0) for layer in HITS), by_layer.get(MISS, 0)
    rate = hits / (hits + misses) if hits + misses else 0.0
    return CacheFigures(hit_rate=rate, hits=hits, misses=misses, by_layer=by_layer)
