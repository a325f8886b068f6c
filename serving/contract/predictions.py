"""The bodies of predictions."""

import json
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from serving.contract.schemas import Body, Moment


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


def _as_text(value: object) -> str:
    """What is no text as a text that is no ticker, so that it becomes a problem of its own."""
    return value if isinstance(value, str) else f"({json.dumps(value, default=str)})"


Tickers = Annotated[list[Annotated[str, BeforeValidator(_as_text)]], Field(min_length=1)]


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
