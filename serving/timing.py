"""How long each step of a request took, for the Server-Timing header."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from serving.tracing import span

# Seconds by name of the step; None outside a request.
stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Add the time the block takes to the step `name` of the request under way."""
    started = perf_counter()
    try:
        with span(name):
            yield
    finally:
        seconds = stages.get()
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + perf_counter() - started


def server_timing(seconds: dict[str, float]) -> str:
    """The header's value, in milliseconds."""
    return ", ".join(f"{name};dur={1000 * spent:.2f}" for name, spent in seconds.items())
