"""The result of training one model, as it is told, listed and recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from forecasting.metrics import Metrics
from training.execution.hindrance import Hindrance
from training_queue.steps import Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of training one model.

    Attributes:
        promoted: whether it serves now.
        reason: of the decision, or of the failure.
        recipe: empty when training failed before any was tried.
        version: null when it failed.
        scores: out of sample, by name; empty when it failed.
        hindrance: what made it fail and would make every other fail now; null when it is about this model.
    """

    ticker: str
    horizon: int
    promoted: bool
    reason: str
    recipe: str = ""
    version: int | None = None
    metrics: Metrics | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    simulated: bool = False
    hindrance: Hindrance | None = None

    @property
    def skill(self) -> float | None:
        """Share by which the interval score is lower than that of the last 252 returns' quantiles."""
        return self.scores.get("skill_over_last_252")

    @property
    def failed(self) -> bool:
        """Whether there is no new version at all."""
        return self.version is None

    @property
    def decision(self) -> str:
        """One word, as tables and MLflow have it."""
        return "failed" if self.failed else "promoted" if self.promoted else "rejected"

    @property
    def status(self) -> Status:
        """The word of the API for it."""
        return "failed" if self.failed else "promoted" if self.promoted else "kept"

    @property
    def versioned_reason(self) -> str:
        """The reason, with the version that it is about."""
        return self.reason if self.failed else f"version {self.version}: {self.reason}"


def best(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a model of which several recipes were tried: the last promotion, else the last version."""
    return max(outcomes, key=lambda outcome: (outcome.promoted, not outcome.failed, outcome.version or 0))
