"""Head and body of an answer as one write, which uvicorn 0.54 and uvloop make two system calls of.

On loopback a system call that writes takes as long as everything else that is done for an answer from memory.
"""

import asyncio
from typing import Any


class OneWrite:
    """A transport that sends what is written within one turn of the loop together; a late body holds no head back."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to `transport`."""
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send `data` with what is held, or hold it until the turn ends."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self._send)
        else:
            held, self._held = self._held, None
            self._transport.writelines((held, data))

    def close(self) -> None:
        """Send what is held, and close."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held)
