"""How long each stage of a request took, for the Server-Timing header."""

from contextvars import ContextVar
from time import perf_counter
from typing import NamedTuple

from serving.telemetry.tracing import past_span, span

# Seconds by name of the stage; None outside a request.
stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


class stage:  # noqa: N801  # it is used as a statement: `with stage("features"):`
    """Adds the time its block takes to the stage `name` of the request under way."""

    __slots__ = ("_name", "_span", "_started")

    def __init__(self, name: str) -> None:
        self._name = name
        self._span = span(name)

    def __enter__(self) -> None:
        self._started = perf_counter()
        self._span.__enter__()

    def __exit__(self, *error: object) -> None:
        self._span.__exit__(*error)  # type: ignore[arg-type]  # they are what the interpreter gave
        seconds = stages.get()
        if seconds is not None:
            seconds[self._name] = seconds.get(self._name, 0.0) + perf_counter() - self._started


class TimedStage(NamedTuple):
    """A stage that several requests shared; when it began and ended on the clock of `perf_counter`."""

    name: str
    began: float
    ended: float


def record_stage(timed: TimedStage) -> None:
    """Add a stage that is over to the request under way."""
    past_span(timed.name, perf_counter() - timed.began, timed.ended - timed.began)
    seconds = stages.get()
    if seconds is not None:
        seconds[timed.name] = seconds.get(timed.name, 0.0) + timed.ended - timed.began


def server_timing(seconds: dict[str, float]) -> str:
    """Return the header's value, in milliseconds."""
    return ", ".join(f"{name};dur={1000 * spent:.2f}" for name, spent in seconds.items())
