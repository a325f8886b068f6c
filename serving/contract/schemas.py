"""The bodies of the answers, as the API documents them."""

from datetime import UTC, datetime
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
    """One horizon of a training; times are Unix seconds, null until known."""

    horizon: int
    status: Literal["queued", "running", "promoted", "kept", "failed"]
    reason: str | None
    started_at: float | None = None
    finished_at: float | None = None


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
