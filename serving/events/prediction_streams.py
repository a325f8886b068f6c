"""Predictions as they change, for clients that listen: computed once for all of them, and only while one does."""

import asyncio
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import count
from typing import Protocol

import structlog

from compat.direct_writes import framed
from market.quotes.quote import Quote
from serving.contract.predictions import TickerProblem
from serving.contract.problems import Problem
from serving.events.places import SENT, StreamPlaces
from serving.predictions.rendered import Rendered

LOOK_SECONDS = 0.05  # between two looks at what has changed, so that what changes together is sent together
POLLED_EVERY_SECONDS = 1.0  # where prices are asked for
# Where a stream says nothing new, which of each ticker it does once a second at most: the rest may have changed.
LOOKED_AT_EVERY_SECONDS = 10.0

Key = tuple[str, int]
Write = Callable[[bytes], bool]

log = structlog.get_logger(__name__)


class Newest(Protocol):
    """Gives the newest prediction."""

    async def __call__(self, ticker: str, horizon: int, since: datetime | None = None) -> Rendered:
        """The answer with the price of `since` or a later one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The last event of one ticker and horizon.

    Attributes:
        number: of the event, counted over all of this process.
        etag: of the answer in it; a problem is its own.
        content: the event as it is sent.
    """

    number: int
    etag: bytes
    content: bytes


@dataclass(eq=False, slots=True)
class Listener:
    """One client and what it has not been sent yet: at most one event for each ticker and horizon, the newest.

    Attributes:
        write: sends what is framed at once, where the connection takes it; None where it has no such way.
    """

    keys: frozenset[Key]
    write: Write | None = None
    _waiting: dict[Key, bytes] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    def put(self, events: Mapping[Key, bytes]) -> None:
        """Have `events` sent in place of older ones of the same keys."""
        for key in self._waiting.keys() & events.keys():
            del self._waiting[key]
        self._waiting.update(events)
        self._arrived.set()

    def send(self, events: Mapping[Key, bytes], chunk: bytes) -> None:
        """Have `events` sent, as the framed `chunk` at once where nothing waits and the client is quick."""
        if self.write is None or self._waiting or self._ended or not self.write(chunk):
            self.put(events)
        else:
            SENT["predictions"].count += len(events)

    def end(self) -> None:
        """Let the client go."""
        self._ended = True
        self._arrived.set()

    async def take(self) -> bytes:
        """All events that wait, as soon as there are any; empty once the listener has ended."""
        await self._arrived.wait()
        self._arrived.clear()
        if self._ended:
            return b""
        SENT["predictions"].count += len(self._waiting)
        content = b"".join(self._waiting.values())
        self._waiting.clear()
        return content


class PredictionStreams:
    """Follows what clients listen to.

    Args:
        newest: gives the newest prediction.
        streamed: the newest streamed price of a ticker; None where prices are asked for.
        places: of which each listener takes one.
    """

    def __init__(self, newest: Newest, streamed: Callable[[str], Quote | None], places: StreamPlaces) -> None:
        self._newest = newest
        self._streamed = streamed
        self._places = places
        self._listeners: set[Listener] = set()
        self._wanted: dict[Key, int] = {}
        self._sent: dict[Key, Sent] = {}
        self._told: dict[Key, bytes] = {}
        self._computed_at: dict[Key, float] = {}
        self._changed: set[Key] = set()
        self._under_way: set[Key] = set()
        self._numbers = count(1)
        self._epoch = uuid.uuid4().hex[:12]
        self._is_wanted = asyncio.Event()

    def subscribe(self, keys: Collection[Key], last_event: str = "", write: Write | None = None) -> Listener:
        """A new listener, until `unsubscribe`; it gets what is known, unless `last_event` is the id of a later event.

        Args:
            write: sends what is framed at once, and returns whether the connection took it.

        Raises:
            Problem: 429 when there are too many already.
        """
        self._places.take("predictions")
        self._pass_on()
        listener = Listener(frozenset(keys), write)
        seen = self._number_of(last_event)
        known = sorted(self._known(keys), key=lambda known: known[1].number)
        if unseen := {key: sent.content for key, sent in known if sent.number > seen}:
            listener.put(unseen)
        self._listeners.add(listener)
        for key in listener.keys:
            self._wanted[key] = self._wanted.get(key, 0) + 1
        self._is_wanted.set()
        return listener

    def unsubscribe(self, listener: Listener) -> None:
        """End a listener; what nobody listens to any more is forgotten."""
        if listener not in self._listeners:
            return
        self._listeners.discard(listener)
        self._places.leave("predictions")
        for key in listener.keys:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key]
                self._sent.pop(key, None)
                self._computed_at.pop(key, None)
        if not self._listeners:
            self._is_wanted.clear()

    def priced(self, ticker: str) -> None:
        """A streamed price of `ticker` has changed."""
        self._changed.update(key for key in self._wanted if key[0] == ticker)

    def swapped(self, ticker: str, horizon: int) -> None:
        """A model has taken over."""
        if (ticker, horizon) in self._wanted:
            self._changed.add((ticker, horizon))

    async def run(self) -> None:
        """Look for changes while anybody listens, until cancelled."""
        async with asyncio.TaskGroup() as computing:
            while True:
                await self._is_wanted.wait()
                for key in self._due(asyncio.get_running_loop().time()):
                    self._under_way.add(key)
                    computing.create_task(self._compute(key))
                await asyncio.sleep(LOOK_SECONDS)
                self._pass_on()

    def _pass_on(self) -> None:
        """Give every listener what was told since, in one piece: to wake one costs more than an event."""
        told, self._told = self._told, {}
        if not told:
            return
        chosen: dict[frozenset[Key], tuple[dict[Key, bytes], bytes]] = {}
        for listener in self._listeners:
            if listener.keys not in chosen:
                events = {key: content for key, content in told.items() if key in listener.keys}
                chosen[listener.keys] = events, framed(b"".join(events.values()))
            events, chunk = chosen[listener.keys]
            if events:
                listener.send(events, chunk)

    def _known(self, keys: Iterable[Key]) -> list[tuple[Key, Sent]]:
        """The last events of keys that somebody listens to; those of others may be old."""
        return [(key, self._sent[key]) for key in keys if key in self._wanted and key in self._sent]

    def _due(self, now: float) -> list[Key]:
        due = []
        for key in self._wanted.keys() - self._under_way:
            age = now - self._computed_at.get(key, float("-inf"))
            is_followed = self._streamed(key[0]) is not None and key in self._sent
            if key in self._changed or age >= (LOOKED_AT_EVERY_SECONDS if is_followed else POLLED_EVERY_SECONDS):
                due.append(key)
                self._computed_at[key] = now
        self._changed.difference_update(due)
        return due

    async def _compute(self, key: Key) -> None:
        price = self._streamed(key[0])
        try:
            self._tell_answer(key, await self._newest(*key, price.at if price else None))
        except Problem as problem:
            self._tell_problem(key, problem.status, problem.detail)
        except Exception:
            log.exception("prediction.failed", ticker=key[0], horizon=key[1])
            self._tell_problem(key, HTTPStatus.INTERNAL_SERVER_ERROR, "this ticker failed; the log says why")
        finally:
            self._under_way.discard(key)
            if not self._under_way:
                self._pass_on()

    def _tell_answer(self, key: Key, answer: Rendered) -> None:
        before = self._sent.get(key)
        if before is None or before.etag != answer.etag:
            self._tell(key, answer.etag, b"prediction", answer.body)

    def _tell_problem(self, key: Key, status: HTTPStatus, detail: str) -> None:
        problem = TickerProblem(ticker=key[0], status=status, title=status.phrase, detail=detail)
        body = problem.model_dump_json().encode()
        before = self._sent.get(key)
        if before is None or before.etag != body:
            self._tell(key, body, b"problem", body)

    def _tell(self, key: Key, etag: bytes, name: bytes, body: bytes) -> None:
        if key not in self._wanted:
            return
        number = next(self._numbers)
        identity = f"{self._epoch}-{number}".encode()
        content = b"id: " + identity + b"\r\nevent: " + name + b"\r\ndata: " + body + b"\r\n\r\n"
        self._sent[key] = Sent(number, etag, content)
        self._told.pop(key, None)
        self._told[key] = content

    def _number_of(self, last_event: str) -> int:
        """The number in an event's id; 0 when another process, or nobody, sent it."""
        epoch, _, number = last_event.partition("-")
        return int(number) if epoch == self._epoch and number.isdecimal() else 0
