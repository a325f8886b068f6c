"""Clients of streamed predictions, which note what arrives and when."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from urllib.parse import urlsplit

EVENT = re.compile(
    rb'"ticker":"([A-Z]+)","current_price":([0-9.]+),.*?"source":"([a-z_]+)".*?"as_of":"([^"]+)".*?"stale":(true|false)'
)
HEALTHY_WITHIN = 60.0  # seconds
FRESH = 2.0  # seconds after which a price is no longer one that has just come
MOST_KEPT = 1000  # prices of one ticker and listener


@dataclass(frozen=True, slots=True)
class Arrived:
    """A price in an event; moments in Unix seconds."""

    price: float
    moment: float
    as_of: float
    streamed: bool
    stale: bool


class Listener(asyncio.Protocol):
    """One client: notes what arrives and when, and reads it later, so that reading makes nothing late.

    Attributes:
        lags: seconds from a price to the event that holds it, of what was read.
        prices: of each ticker, in the order of arrival, likewise.
        ended: whether the server has closed the connection.
    """

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.prices: dict[str, list[Arrived]] = {}
        self.ended = False
        self._unread: list[tuple[float, bytes]] = []
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for all predictions."""
        self.transport = transport
        request = b"GET /stream/predictions HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(request)  # type: ignore[attr-defined]  # of a connection that is written to

    def data_received(self, data: bytes) -> None:
        """Note it."""
        self._unread.append((time.time(), data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # whatever the reason
        """Note it."""
        self.ended = True

    def read(self) -> None:
        """Read what was noted."""
        for moment, data in self._unread:
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if found := EVENT.search(line):
                    self._take(found, moment)
        self._unread.clear()

    def _take(self, found: re.Match[bytes], moment: float) -> None:
        as_of = datetime.fromisoformat(found[4].decode()).timestamp()
        arrived = Arrived(float(found[2]), moment, as_of, found[3] == b"tiingo", found[5] == b"true")
        if arrived.streamed:
            self.lags.append(moment - as_of)
        self.prices.setdefault(found[1].decode(), []).append(arrived)


@asynccontextmanager
async def listeners(url: str, count: int) -> AsyncIterator[list[Listener]]:
    """So many clients, until the block ends."""
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    host, port = parts.hostname or "", parts.port or 0
    made = [(await loop.create_connection(Listener, host, port))[1] for _ in range(count)]
    try:
        yield made
    finally:
        for listener in made:
            listener.transport.close()


async def until_streamed(listener: Listener) -> None:
    """Until prices of the stream arrive."""
    async with asyncio.timeout(HEALTHY_WITHIN):
        while not listener.lags or listener.lags[-1] > 1:  # the event loop receives meanwhile
            await asyncio.sleep(0.1)
            listener.read()


async def read_all(made: Sequence[Listener]) -> None:
    """Read what they have noted, and let others run in between."""
    for listener in made:
        listener.read()
        listener.prices = {ticker: its[-MOST_KEPT:] for ticker, its in listener.prices.items()}
        await asyncio.sleep(0)


def seen(made: Sequence[Listener], began: float, lives: float) -> list[str]:
    """The longest pause of any listener and ticker, and the events: streamed, asked for, streamed but old and unmarked.

    Args:
        began: Unix seconds; what was before does not count.
        lives: seconds after which a quote is old.
    """
    pauses, events = [0.0], list[Arrived]()
    for its in (its for listener in made for its in listener.prices.values()):
        since = [each for each in its if each.moment >= began]
        events += since
        moments = [began, *(each.moment for each in since if each.moment - each.as_of < FRESH)]
        pauses += [later - earlier for earlier, later in pairwise(moments)]
    streamed = [each for each in events if each.streamed]
    unmarked = [each for each in streamed if each.moment - each.as_of > lives + FRESH and not each.stale]
    return [f"{max(pauses):.1f} s", str(len(streamed)), str(len(events) - len(streamed)), str(len(unmarked))]
