"""What is to be trained, step by step, and what came of it."""

from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["queued", "running", "promoted", "kept", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Step:
    """The training of one ticker and horizon.

    Attributes:
        reason: why it ended as it did; null before.
        queued_at, started_at, finished_at: Unix seconds, null until then.
        attempts: how often a worker has begun it.
    """

    step_id: int
    job_id: str
    ticker: str
    horizon: int
    priority: int
    status: Status
    reason: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of the last training of one ticker and horizon, by a worker or by hand; it is never forgotten.

    Attributes:
        ended_at: Unix seconds.
    """

    status: Status
    reason: str
    ended_at: float


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that is to be trained of one ticker, as one: its steps have the same job_id."""

    job_id: str
    ticker: str
    steps: tuple[Step, ...]

    @property
    def status(self) -> Status:
        """Running or queued while any step is; then the worst outcome of a step."""
        found = {step.status for step in self.steps}
        if "running" in found or ("queued" in found and len(found) > 1):
            return "running"
        order: tuple[Status, ...] = ("queued", "failed", "promoted", "kept")
        return next(status for status in order if status in found)

    @property
    def reason(self) -> str | None:
        """The outcome of each step that has ended."""
        reasons = [f"horizon {step.horizon}: {step.reason}" for step in self.steps if step.reason]
        return "; ".join(reasons) or None

    @property
    def queued_at(self) -> float:
        """Unix seconds."""
        return min(step.queued_at for step in self.steps)

    @property
    def started_at(self) -> float | None:
        """Unix seconds, null until the first step starts."""
        return min((step.started_at for step in self.steps if step.started_at), default=None)

    @property
    def finished_at(self) -> float | None:
        """Unix seconds, null until the last step ends."""
        ended = [step.finished_at for step in self.steps if step.finished_at]
        return max(ended) if len(ended) == len(self.steps) else None
