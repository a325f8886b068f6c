"""What the service says about itself."""

import asyncio

from fastapi import APIRouter, Response

from serving.contract.performance import PerformanceMetrics, PerformanceSummary
from serving.contract.schemas import Health, TickerInformation, WarmUpStatus
from serving.http.dependencies import Configured, Parts
from serving.telemetry import metrics

router = APIRouter(tags=["service"])


@router.get("/tickers")
async def tickers(settings: Configured) -> list[TickerInformation]:
    """Everything that can be asked for."""
    horizons = list(settings.horizons)
    return [
        TickerInformation(ticker=ticker, horizons=horizons, currency=settings.currency, exchange=settings.exchange)
        for ticker in settings.tickers
    ]


@router.get("/health")
async def health(container: Parts) -> Health:
    """Healthy, or degraded with reasons; an answer with status 200 either way."""
    return await container.health_check.check()


@router.get("/warmup/status")
async def warm_up_status(container: Parts) -> WarmUpStatus:
    """How far the warm-up after the start is."""
    return container.warm_up.status()


@router.get("/performance/metrics")
async def performance_metrics(container: Parts) -> PerformanceMetrics:
    """The last quarter of an hour in figures, over all workers."""
    return await container.reports.metrics()


@router.get("/performance/summary")
async def performance_summary(container: Parts) -> PerformanceSummary:
    """The figures that matter most, and a word for them."""
    return await container.reports.summary()


@router.get("/metrics", response_class=Response)
async def prometheus(container: Parts) -> Response:
    """For Prometheus, over all workers."""
    return Response(await asyncio.to_thread(container.exposition), media_type=metrics.MEDIA_TYPE)
