"""Bodies of the answers about one ticker beside its prediction."""

from datetime import date
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field

from configuration import Settings
from forecasting.card import ModelCard
from forecasting.metrics import Metrics
from serving.contract.predictions import ReportReference
from serving.contract.schemas import Body, Moment


class BarAnswer(Body):
    """One session; split-adjusted prices in the quote currency, volume in shares."""

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float


class ReportAnswer(Body):
    """The day of a quarterly report, past or announced, on the exchange's clock."""

    filed_on: date
    timing: Literal["before_open", "after_close", "unknown"]


class BarsAnswer(Body):
    """The answer of GET /bars/{ticker}."""

    ticker: str
    currency: str
    source: str = Field(description="Where the bars came from; `simulated` prices are invented.")
    stale: bool = Field(description="Whether a session is missing that should be there.")
    bars: list[BarAnswer] = Field(description="Complete sessions, the oldest first.")
    reports: list[ReportAnswer] = Field(description="Known reports from the first of these sessions on.")


class ComingReport(Body):
    """A quarterly report that is expected."""

    ticker: str
    expected_on: date
    confirmed: bool = Field(description="Whether the date was announced; otherwise last year's lets expect it.")
    source: str = Field(description="Where the date, or the dates of earlier years, came from.")


class ReportsAnswer(Body):
    """The answer of GET /reports."""

    reports: list[ComingReport]
    unknown: list[str] = Field(
        description="Tickers of which no report can be expected, since no dates are known; the first 20 and a count."
    )


class ArticleAnswer(Body):
    """One article; its texts are plain, whatever its author wrote."""

    title: str = Field(max_length=300)
    url: str = Field(max_length=500)
    publisher: str = Field(max_length=80)
    published_at: Moment
    topics: list[str]
    tone: float | None = Field(description="Towards the ticker, -1 to 1; null when nothing says it.")
    relevance: float | None = Field(description="To the ticker, 0 to 1; null when nothing says it.")
    source: str = Field(description="Where the article is known from.")


class NewsAnswer(Body):
    """The answer of GET /news/{ticker}."""

    ticker: str
    before: Moment = Field(description="Nothing that was published then or later is in the answer.")
    days: int
    count: int = Field(description="Articles of these days, more than are listed perhaps.")
    about_earnings: int = Field(description="How many of them are about results.")
    tone: float | None = Field(description="Mean weighted by relevance, -1 to 1; null without any.")
    articles: list[ArticleAnswer] = Field(description="The newest first.")


class WidthAnswer(Body):
    """The answer of GET /interval/{ticker}: why the interval is as wide as it is; widths are returns."""

    ticker: str
    horizon: int
    level: float = Field(description="Volatility of one session by formula, from recent bars.")
    horizon_level: float = Field(description="The level times the square root of the sessions ahead.")
    baseline_width: float = Field(description="Upper less lower end of the interval by the level alone.")
    width: float = Field(description="Upper less lower end of the interval that is served.")
    correction: float = Field(description="`width` over `baseline_width`: `model_factor` times `report_factor`.")
    model_factor: float | None = Field(
        description="What the model makes of the level; null while the model that answered is being replaced."
    )
    report_factor: float | None = Field(description="What `next_report` adds to that; 1 without any, null as above.")
    next_report: ReportReference | None = Field(
        description="Announced, or inferred from earlier years, with its probability; null when none is expected."
    )
    reports: list[ReportAnswer] = Field(description="Dates of reports between now and the target session.")
    extrapolating: bool = Field(description="Whether inputs beyond everything trained on have widened it.")


class VersionAnswer(Body):
    """A published version of a model, from its card."""

    version: int
    serving: bool = Field(description="Whether it is the champion that serves.")
    run_id: str
    trained_at: Moment
    trained_from: date
    trained_to: date
    source: str = Field(description="Where the bars it was trained on came from.")
    inputs: int = Field(description="Number of features.")
    shrinkage: float = Field(description="Share of its expected return that is believed, 0 to 1.")
    metrics: Metrics


class AnsweringChallenger(Body):
    """The challenger of an experiment that answers in the champion's place."""

    experiment: str
    model_type: str
    version: int
    run_id: str

    @classmethod
    def of(cls, experiment: str, card: ModelCard) -> Self:
        """From its card."""
        return cls(experiment=experiment, model_type=card.model_type, version=card.version, run_id=card.run_id)


class VersionsAnswer(Body):
    """The answer of GET /model/versions/{ticker}: versions in the model store, the newest first."""

    ticker: str
    horizon: int
    name: str = Field(description="Of the registered model in MLflow.")
    answering_challenger: AnsweringChallenger | None = Field(
        default=None, description="Of the canary that this ticker is part of; null where the champion answers."
    )
    versions: list[VersionAnswer]


class OutcomeAnswer(Body):
    """A served forecast and what came; returns since the close of `made_on` (0.02 is 2 %)."""

    made_on: date
    target_on: date
    model: str
    version: int | None
    median: float
    lower: float
    upper: float
    actual: float | None = Field(description="Null until the target session has closed.")
    inside: bool | None = Field(description="Whether the interval held; null until known.")
    report: bool | None = Field(description="Whether a report took effect on the way; null when no dates are known.")


class OutcomesAnswer(Body):
    """The answer of GET /track-record/{ticker}, the newest forecast first."""

    ticker: str
    horizon: int
    level: float = Field(description="Share of outcomes that an interval should hold.")
    outcomes: list[OutcomeAnswer]


class HorizonRecord(Body):
    """Scores of the predictions of one horizon whose outcomes are known, over all tickers."""

    horizon: int
    predictions: int = Field(description="Outcomes that are known.")
    coverage: float = Field(description="Share of them inside the interval.")
    ordinary_coverage: float | None = Field(description="The same without sessions that a report reached.")
    report_coverage: float | None = Field(description="The same in those sessions alone; null without any.")
    interval_score: float = Field(description="Mean width plus 20 times what was missed, as a return.")
    mean_absolute_error: float = Field(description="Of the median, as a return.")
    direction_accuracy: float


class TrackRecordAnswer(Body):
    """The answer of GET /track-record."""

    level: float = Field(description="Share of outcomes that an interval should hold.")
    horizons: list[HorizonRecord]
    head: str = Field(
        description="SHA-256 of the last line that was written. Who keeps it can prove later that nothing before it was"
        " changed, with `python -m serving verify`."
    )


class PageSettings(Body):
    """The answer of GET /page/settings."""

    mlflow_url: str | None = Field(description="Where a browser finds MLflow; null when nothing says so.")
    raw_prices: bool = Field(description="Whether GET /bars/{ticker} answers.")
    key_needed: bool = Field(description="Whether retraining needs one of `security.api_keys`.")
    refresh_after: float = Field(description="Seconds after which an answer in memory is computed anew.")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As configured; an address of MLflow without the user and password that may stand in it."""
        return cls(
            mlflow_url=settings.page.mlflow_url or _browsable(settings.training.tracking_uri),
            raw_prices=settings.serving.raw_prices,
            key_needed=bool(settings.security.api_keys),
            refresh_after=settings.cache.memory_ttl,
        )


def _browsable(uri: str | None) -> str | None:
    parts = urlsplit(uri or "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}".rstrip("/")
