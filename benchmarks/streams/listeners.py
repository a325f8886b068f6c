"""Clients of streamed predictions, which note what arrives and when."""

import asyncio
import re
import time
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from urllib.parse import urlsplit

IDENTITY = re.compile(rb"id: ([0-9a-f]+-[0-9]+)\r\n")
EVENT = re.compile(
    rb'"ticker":"([A-Z]+)","current_price":([0-9.e+]+),.*?"source":"([a-z_]+)".*?"as_of":"([^"]+)"'
    rb'.*?"stale":(true|false)'
)
SEPARATOR = b"\r\n\r\n"
HEALTHY_WITHIN = 120.0  # seconds
FRESH = 2.0  # seconds after which a price is no longer one that has just come
CURRENT = 1.0  # seconds

SentAt = Mapping[tuple[str, float], float]


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says.

    Attributes:
        price: in it.
        sent: Unix seconds at which the stand-in sent that price; of one that was asked for, the time in the event.
    """

    ticker: str
    price: float
    sent: float
    streamed: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event and when it came, in Unix seconds."""

    told: Told
    moment: float

    @property
    def lag(self) -> float:
        """Seconds since its price was sent."""
        return self.moment - self.told.sent


@dataclass(frozen=True, slots=True)
class Reading:
    """What listeners share: the same event is read once, however many have got it.

    Attributes:
        sent_at: when each price was sent, which a body says in whole seconds alone.
    """

    sent_at: SentAt
    told: dict[bytes, Told | None] = field(default_factory=dict)

    def event(self, identity: bytes, text: bytes, start: int) -> Told | None:
        """The event whose id ends at `start` of `text`; None for a problem."""
        if identity not in self.told:
            found = EVENT.search(text, start, text.find(SEPARATOR, start))
            self.told[identity] = self._read(found) if found else None
        return self.told[identity]

    def _read(self, found: re.Match[bytes]) -> Told:
        ticker, price = found[1].decode(), float(found[2])
        sent = self.sent_at.get((ticker, price)) or datetime.fromisoformat(found[4].decode()).timestamp()
        return Told(ticker, price, sent, found[3] == b"tiingo", found[5] == b"true")


class Listener(asyncio.Protocol):
    """One client: notes what arrives and when, and reads it later, so that reading makes nothing late.

    Attributes:
        lags: seconds from each streamed price to the first event that holds it, of what was read.
        arrived: the events themselves, where they are kept.
        ended: whether the server has closed the connection.
    """

    def __init__(self, reading: Reading, *, keeps: bool) -> None:
        self.lags = array("f")
        self.arrived: list[Arrived] = []
        self.ended = False
        self._reading = reading
        self._keeps = keeps
        self._known: dict[str, float] = {}
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
            text = self._rest + data
            end = text.rfind(SEPARATOR) + len(SEPARATOR)
            if end < len(SEPARATOR):
                self._rest = text
                continue
            for found in IDENTITY.finditer(text, 0, end):
                if told := self._reading.event(found[1], text, found.end()):
                    self._take(Arrived(told, moment))
            self._rest = text[end:]
        self._unread.clear()

    def _take(self, arrived: Arrived) -> None:
        told = arrived.told
        if told.streamed and self._known.get(told.ticker) != told.price:
            self._known[told.ticker] = told.price
            self.lags.append(arrived.lag)
        if self._keeps:
            self.arrived.append(arrived)


@asynccontextmanager
async def listeners(url: str, count: int, sent_at: SentAt, *, keeps: bool = False) -> AsyncIterator[list[Listener]]:
    """So many clients, until the block ends; they keep all events where `keeps` says so."""
    parts, loop, reading = urlsplit(url), asyncio.get_running_loop(), Reading(sent_at)
    host, port = parts.hostname or "", parts.port or 0
    made = [(await loop.create_connection(lambda: Listener(reading, keeps=keeps), host, port))[1] for _ in range(count)]
    try:
        yield made
    finally:
        for listener in made:
            listener.transport.close()


async def until_streamed(listener: Listener) -> None:
    """Until prices of the stream arrive."""
    async with asyncio.timeout(HEALTHY_WITHIN):
        while not listener.lags or listener.lags[-1] > FRESH:  # the event loop receives meanwhile
            await asyncio.sleep(0.1)
            listener.read()


async def read_all(made: Sequence[Listener]) -> None:
    """Read what they have noted, and let others run in between."""
    for listener in made:
        listener.read()
        await asyncio.sleep(0)


def seen(made: Sequence[Listener], began: float, lives: float) -> list[str]:
    """The longest pause of any listener and ticker, and the events: streamed, asked for, old and unmarked.

    Args:
        began: Unix seconds; what was before does not count.
        lives: seconds after which a quote is old.
    """
    pauses, events = [0.0], list[Arrived]()
    for listener in made:
        since = [each for each in listener.arrived if each.moment >= began]
        events += since
        for ticker in {each.told.ticker for each in since}:
            moments = [each.moment for each in since if each.told.ticker == ticker and each.lag < FRESH]
            pauses += [later - earlier for earlier, later in pairwise([began, *moments])]
    streamed = [each for each in events if each.told.streamed]
    unmarked = [each for each in streamed if each.lag > lives + FRESH and not each.told.stale]
    return [f"{max(pauses):.1f} s", str(len(streamed)), str(len(events) - len(streamed)), str(len(unmarked))]
