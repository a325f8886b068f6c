"""The bodies of the service's figures: how fast it answers, and how its predictions turned out."""

from typing import Literal

from pydantic import Field

from serving.contract.schemas import Body, Moment


class Accuracy(Body):
    """How predictions turned out whose target session has closed; errors are returns."""

    count: int
    coverage: float
    mean_absolute_error: float
    direction_accuracy: float


class RequestFigures(Body):
    """Requests of one route; times in seconds."""

    count: int
    avg_time: float
    p50_time: float
    p95_time: float
    p99_time: float
    error_rate: float = Field(description="Fraction of answers with status 5xx.")


class MemoryFigures(Body):
    """MiB of all processes that serve; those of the trainer apart, which takes much while it trains."""

    current_mb: float
    avg_mb: float
    peak_mb: float
    trainer_mb: float


class CacheFigures(Body):
    """Predictions that a cache answered."""

    hit_rate: float
    hits: int
    misses: int
    by_layer: dict[str, int]


class PredictionFigures(Body):
    """Predictions, cached or not; times in seconds."""

    avg_time: float
    p95_time: float
    predictions_under_100ms: float
    accuracy: dict[str, dict[int, Accuracy]]


class ProviderFigures(Body):
    """Requests that a provider took in the last 24 hours."""

    used_today: int
    limit_today: int | None


class PerformanceMetrics(Body):
    """The answer of GET /performance/metrics: the last quarter of an hour, over all workers."""

    timestamp: Moment
    request_performance: dict[str, RequestFigures]
    memory_usage: MemoryFigures
    cache_performance: CacheFigures
    prediction_performance: PredictionFigures
    provider_usage: dict[str, ProviderFigures]


class ApiSummary(Body):
    """All requests."""

    p95_response_time: float
    error_rate: float


class ModelSummary(Body):
    """All predictions."""

    predictions_under_100ms: float


class PerformanceSummary(Body):
    """The answer of GET /performance/summary."""

    api_performance: ApiSummary
    ml_performance: ModelSummary
    cache_performance: float
    memory_usage_mb: float
    trainer_memory_mb: float
    status: Literal["optimal", "degraded", "critical"]
    reasons: list[str] = Field(
        description="Which limits of the configuration were passed; errors, times and caches are judged from 20 on."
    )
