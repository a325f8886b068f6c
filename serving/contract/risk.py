"""Bodies of POST /risk."""

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, Tag

from serving.contract.predictions import TickerProblem
from serving.contract.schemas import Body, Moment

# Beyond every portfolio there is, and far from where sums lose cents.
LARGEST_AMOUNT = 1e13
# From a few hundred sessions no smaller chance of a loss can be read.
SMALLEST_PROBABILITY = 0.005
MOST_PROBABILITIES = 20

Amount = Annotated[float, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)]
Probability = Annotated[float, Field(ge=SMALLEST_PROBABILITY, le=0.5)]


class QuantityPosition(Body):
    """A number of shares; negative when short."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ticker: str
    quantity: Amount = Field(description="Shares; negative when short.")


class ValuePosition(Body):
    """A position by what it is worth; negative when short."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ticker: str
    value: Amount = Field(description="In the quote currency; negative when short.")


def _kind(position: object) -> str | None:
    """Which of the two amounts a position has; None where it has neither, or both."""
    given = position if isinstance(position, dict) else vars(position) if hasattr(position, "__dict__") else {}
    amounts = [name for name in ("quantity", "value") if name in given]
    return amounts[0] if len(amounts) == 1 else None


Position = Annotated[
    Annotated[QuantityPosition, Tag("quantity")] | Annotated[ValuePosition, Tag("value")],
    Discriminator(_kind, custom_error_type="one_amount", custom_error_message="give either its quantity or its value"),
]
EXAMPLE = [{"ticker": "AAPL", "quantity": 100}, {"ticker": "MSFT", "value": -25000.0}]


class RiskRequest(Body):
    """The body of POST /risk."""

    model_config = ConfigDict(extra="forbid", strict=True)

    positions: Annotated[list[Position], Field(min_length=1)] = Field(
        description="Each with its `quantity` or its `value`; several of one ticker add up.", examples=[EXAMPLE]
    )
    horizon: int | None = Field(default=None, description="Sessions ahead; all configured horizons without it.")
    probabilities: Annotated[list[Probability], Field(min_length=1, max_length=MOST_PROBABILITIES)] = Field(
        default=[0.01, 0.05], description="Chances of a larger loss."
    )


class RiskLevel(Body):
    """Losses as positive amounts, in the quote currency."""

    probability: float = Field(description="Of a loss larger than `value_at_risk`.")
    value_at_risk: float
    expected_shortfall: float = Field(description="Mean of the losses at least as large as `value_at_risk`.")


class HorizonRisk(Body):
    """The risk over one horizon."""

    horizon: int = Field(description="Sessions ahead.")
    levels: list[RiskLevel]
    sessions: int = Field(description="Past sessions that say how the tickers move together.")
    by_baseline: list[str] = Field(
        description="Tickers whose distribution is the baseline's, since no model answers; the first 20 and a count."
    )
    independent: list[str] = Field(
        description="Tickers taken as independent of the others, since too few of their past sessions are known; the"
        " first 20 and a count."
    )


class ValuedPosition(Body):
    """What is held of a ticker."""

    ticker: str
    current_price: float
    value: float = Field(description="In the quote currency; negative when short.")
    source: str = Field(description="Where the current price came from; `simulated` prices are invented.")
    stale: bool = Field(description="Whether prices are older than the calendar says they should be.")


class RiskAnswer(Body):
    """The answer of POST /risk: the risk of the positions that could be valued."""

    currency: str
    value: float = Field(description="Sum of all positions, long less short.")
    gross_value: float = Field(description="Sum of the sizes of all positions.")
    positions: list[ValuedPosition]
    horizons: list[HorizonRisk] = Field(description="Empty when no position could be valued.")
    problems: list[TickerProblem] = Field(description="Positions that are in no figure of this answer, and why.")
    timestamp: Moment
