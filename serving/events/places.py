"""How many clients may hold a stream of events open, whichever stream it is."""

from typing import Literal

from serving.contract.problems import too_many
from serving.telemetry import metrics
from serving.telemetry.batches import counter

RETRY_AFTER = 30

Stream = Literal["events", "predictions"]
STREAMS: tuple[Stream, ...] = ("events", "predictions")


class StreamPlaces:
    """The places of one process, shared by all streams.

    Args:
        capacity: of clients.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._taken = 0

    def take(self, stream: Stream) -> None:
        """Take one until `leave`.

        Raises:
            Problem: 429 when there is none.
        """
        if self._taken >= self._capacity:
            raise too_many(f"{self._capacity} clients hold streams open already; poll, or try again", RETRY_AFTER)
        self._taken += 1
        LISTENERS[stream].inc()

    def leave(self, stream: Stream) -> None:
        """Give it back."""
        self._taken -= 1
        LISTENERS[stream].dec()


LISTENERS = {stream: metrics.STREAM_LISTENERS.labels(stream) for stream in STREAMS}
SENT = {stream: counter(metrics.STREAM_EVENTS, stream) for stream in STREAMS}
DROPPED = {stream: counter(metrics.STREAM_DROPPED, stream) for stream in STREAMS}
