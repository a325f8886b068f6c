"""The bodies of the answers, as the API documents them."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from forecasting.metrics import Metrics


def iso(moment: datetime) -> str:
    """A moment as bodies have it: UTC, whole seconds."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="seconds")[: -len("+00:00")] + "Z"


Moment = Annotated[datetime, PlainSerializer(iso, return_type=str)]


class Body(BaseModel):
    """Base of all of them."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Interval(Body):
    """Prices between which the close will be with probability `level`."""

    level: float
    lower: float
    upper: float


class PriceQuantile(Body):
    """A price that the close exceeds with probability 1 - `probability`."""

    probability: float
    price: float


class PriceProbability(Body):
    """The probability that the close is above a price."""

    price: float
    probability: float


def _is_none(value: object) -> bool:
    return value is None


class PricePrediction(Body):
    """Where the price is going."""

    price_target: float = Field(description="Median of the forecast close.")
    change_percent: float = Field(description="From the current price to the target.")
    direction: Literal["bullish", "bearish"]
    confidence: float = Field(description="Calibrated probability that the direction is right, 0.5 to 1.")
    interval: Interval
    horizon: int = Field(description="Sessions ahead.")
    made_on: date = Field(description="Session of the last bar used.")
    target_on: date = Field(description="Session the forecast is for.")
    quantiles: list[PriceQuantile] | None = Field(
        default=None, exclude_if=_is_none, description="Stands there only when `quantiles` were asked for."
    )
    above: PriceProbability | None = Field(
        default=None, exclude_if=_is_none, description="Stands there only when `above` was asked for."
    )


class ModelReference(Body):
    """What made a forecast."""

    type: str = Field(description="`random_forest`, `baseline` or a newer kind of model", examples=["random_forest"])
    version: int | None
    run_id: str | None
    trained_at: Moment | None
    extrapolating: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Stands there only when true: the inputs lie beyond everything the model was trained on.",
    )
    fitted_later: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Stands there only when true: the model was fitted after `as_of`, on bars that came later too.",
    )


class ReportReference(Body):
    """The next quarterly report of a company, as far as it is known."""

    expected_on: date = Field(description="Session on which it is filed.")
    confirmed: bool = Field(description="Whether the date was announced; otherwise last year's lets expect it.")
    source: str = Field(description="Where the date, or the dates of earlier years, came from.")
    in_horizon: float = Field(description="Probability that a report takes effect by the target session.")


class DataReference(Body):
    """What a forecast was made from."""

    source: str = Field(description="Where the current price came from; `simulated` prices are invented.")
    history_source: str = Field(description="Where the bars came from.")
    as_of: Moment
    provisional: bool = Field(description="Whether a running or just closed session's price stands for its bar.")
    stale: bool = Field(description="Whether prices are older than the calendar says they should be.")
    report: ReportReference | None = Field(
        default=None, description="The next quarterly report; null where no dates are known."
    )
    known_by: Literal["fetch_time", "session_date"] | None = Field(
        default=None,
        exclude_if=_is_none,
        description="Stands there only with `as_of`: whether the bars are those that had been fetched by then, or"
        " today's up to that session.",
    )


class Prediction(Body):
    """The answer of GET /predict/{ticker}."""

    ticker: str
    current_price: float
    prediction: PricePrediction
    model: ModelReference
    data: DataReference
    timestamp: Moment


Tickers = Annotated[list[str], Field(min_length=1)]


class PredictionsRequest(Body):
    """The body of POST /predict."""

    # The example stands at its field: BentoML takes no schema that has one of its own.
    model_config = ConfigDict(extra="forbid", strict=True)

    tickers: Tickers = Field(examples=[["AAPL", "MSFT"]])
    horizon: int = Field(default=1, description="Sessions ahead.")


class TickerProblem(Body):
    """Why one ticker of several has no prediction."""

    ticker: str
    status: int
    title: str
    detail: str


class Predictions(Body):
    """The answer of POST /predict."""

    predictions: list[Prediction]
    problems: list[TickerProblem]


class LastTraining(Body):
    """What came of the last training of a ticker and horizon, whether its model serves or not."""

    status: Literal["promoted", "kept", "failed"] = Field(
        description="`kept`: a candidate was trained, and kept back because it had not earned promotion."
    )
    at: Moment
    reason: str


class DriftAnswer(Body):
    """Whether the intervals of the model that serves still hold as often as they should.

    Sessions that a report reached are counted apart, where report dates are known.
    """

    drifts: bool = Field(description="Whether the intervals are known to be wrong; then it should be trained again.")
    evidence: float = Field(description="Most evidence that there was of it; 20 or more settles it.")
    sessions: int = Field(description="Ordinary sessions whose outcome is known.")
    missed: float = Field(description="Share of them outside their interval; 0.1 is right.")
    bias: float | None = Field(description="Above 0 when outcomes lie above their medians; at most 0.5.")
    dispersion: float | None = Field(description="1 is right; above 1 when forecasts are too narrow.")
    report_sessions: int = Field(description="Sessions that a report reached.")
    report_missed: float | None
    pooled_evidence: float | None = Field(description="The same evidence for all tickers together at this horizon.")
    shifted_inputs: dict[str, float] = Field(
        description="Population stability index of the inputs that moved most since training, to explain drift."
    )
    told: str = Field(description="The same in a sentence.")


class ModelStatus(Body):
    """The answer of GET /model/status/{ticker}."""

    ticker: str
    horizon: int
    model_loaded: bool
    service_ready: bool
    model_type: str = Field(description="As `model.type` of predictions", examples=["random_forest"])
    version: int | None
    run_id: str | None
    trained_at: Moment | None
    stale: bool
    retrain_recommended: bool
    reasons: list[str]
    last_training: LastTraining | None
    drift: DriftAnswer | None = Field(description="Null before any outcome of the model that serves is known.")
    metrics: Metrics | None


class RetrainStep(Body):
    """One horizon of a training."""

    horizon: int
    status: Literal["queued", "running", "promoted", "kept", "failed"]
    reason: str | None


class Retrained(Body):
    """The answer of POST /model/retrain/{ticker} and of its job's URL; times are Unix seconds, null until known."""

    ticker: str
    job_id: str
    status: Literal["queued", "running", "promoted", "kept", "failed"]
    reason: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    steps: list[RetrainStep]


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


PriceKind = Literal["real", "stale", "simulated"]


class Health(Body):
    """The answer of GET /health."""

    status: Literal["healthy", "degraded"]
    prices: PriceKind
    reasons: list[str]


class WarmUpStatus(Body):
    """The answer of GET /warmup/status; times are Unix seconds, null until known."""

    started_at: float | None
    completed_at: float | None
    duration_seconds: float | None
    models_loaded: int
    models_trained: int
    errors: list[str]


class TickerInformation(Body):
    """A ticker that can be asked for."""

    ticker: str
    horizons: list[int]
    currency: str
    exchange: str


class ProblemDetails(Body):
    """Why a request was not answered as asked: RFC 9457."""

    type: str
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong, and what to do.")
    instance: str = Field(description="The path that was asked.")
