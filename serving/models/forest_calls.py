"""Where the forests are reached: in this very process, or in one of their own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from configuration import Settings
from serving.models.forest_client import Call
from serving.models.onnx_sessions import OnnxSessions, Output, Row


def embedded_forests(settings: Settings) -> Call:
    """Reach forests that live in this very process."""
    forests = OnnxSessions(settings.serving.forest_memory_mb)

    async def call(rows: Sequence[Row]) -> Sequence[Output]:
        return forests.predict(rows)

    return call


def remote_forests(predict: Callable[[list[Row]], Awaitable[Sequence[Sequence[Any]]]]) -> Call:
    """Reach forests in a process of their own by its API `predict`."""

    async def call(rows: Sequence[Row]) -> Sequence[Output]:
        return [Output(*answer) for answer in await predict(list(rows))]

    return call
