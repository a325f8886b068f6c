"""Parts of a body without end that go straight to the connection: the same bytes for many clients, framed once.

ASGI has each part pass every middleware of every client, and a task of each wake up for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

EXTENSION, OPEN = "stocks.direct_writes", "open"


def framed(content: bytes) -> bytes:
    """`content` as a chunk of HTTP/1.1, as uvicorn 0.54 sends the parts of a body whose length it does not know."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def direct_writes(scope: Mapping[str, Any]) -> Callable[[bytes], bool] | None:
    """What writes framed parts to the client of a request; None where its server has no such way."""
    opening = scope.get("extensions", {}).get(EXTENSION)
    return opening[OPEN]() if opening else None


class DirectWrites:
    """Writes to one connection of uvicorn while its answer goes on.

    Args:
        protocol: of the connection, as uvicorn has it.
    """

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._cycle = protocol.cycle

    def __call__(self, chunk: bytes) -> bool:
        """Write a framed part; whether that was possible: not before the answer has begun, nor to a slow client."""
        cycle, protocol = self._cycle, self._protocol
        goes_on = cycle.response_started and cycle.chunked_encoding and not cycle.response_complete
        if not goes_on or cycle.disconnected or protocol.flow.write_paused or protocol.transport.is_closing():
            return False
        protocol.transport.write(chunk)
        return True
