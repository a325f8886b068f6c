"""Bodies of the answers about experiments."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from serving.contract.schemas import Body, Moment

if TYPE_CHECKING:
    from serving.experiments.judgement import Judgement


class ExperimentAnswer(Body):
    """An experiment as it is configured, and where it stands."""

    name: str
    kind: Literal["shadow", "canary"] = Field(description="A canary's challenger answers; a shadow's never does.")
    challenger: str = Field(description="A version, an alias, or a recipe, of which the newest version counts.")
    tickers: list[str]
    horizons: list[int]
    share: float = Field(description="Of the tickers, those that the challenger answers.")
    status: Literal["running", "stopped", "promoted"]
    reason: str = Field(description="Why it stands there; empty at first.")
    trial: int = Field(description="Grows with each start by hand, which begins the evidence anew.")
    changed_at: Moment | None


class ChallengerAnswer(Body):
    """What is tested for one ticker and horizon; null until something is published."""

    ticker: str
    horizon: int
    model_type: str | None
    recipe: str | None
    version: int | None
    run_id: str | None
    problem: str | None = Field(description="Why it does not forecast, when it does not.")


class JudgementAnswer(Body):
    """What is known of one horizon; differences are in widths of the baseline's interval."""

    horizon: int
    sessions: int = Field(description="That both arms were scored on.")
    evidence: float = Field(description="That the arms differ; 20 or more settles it, and ends the experiment.")
    verdict: Literal["undecided", "challenger", "champion"]
    decided_on: str | None = Field(description="Session on whose forecasts it was settled.")
    difference: float = Field(description="Mean of the interval scores' differences, above 0 for a better challenger.")
    lower: float = Field(description="Lower end of its 95 % confidence interval, which holds at every look.")
    upper: float
    detectable: float = Field(description="Smallest difference that could be seen by now.")
    told: str = Field(description="The same in a sentence.")

    @classmethod
    def of(cls, judgement: "Judgement") -> Self:
        """As it was judged."""
        return cls(**asdict(judgement), told=judgement.told)


class ExperimentDetails(ExperimentAnswer):
    """The answer of GET /experiments/{name}."""

    answered: list[str] = Field(description="Tickers that the challenger answers now, where it can.")
    challengers: list[ChallengerAnswer]
    judgements: list[JudgementAnswer] = Field(description="One for each horizon; they share the 5 % of error.")
    promoting: list[str] = Field(
        description="Models whose challenger is promoted and does not serve as champion yet; empty once all do."
    )
    warnings: list[str] = Field(
        description="Where the next training would replace the challengers as champions; empty where it refits them."
    )
