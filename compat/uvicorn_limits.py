"""Limits on requests while they arrive, which uvicorn 0.54 has none of with httptools.

A request reaches the application when all of it is there: who sends slowly takes a connection and nothing else.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http import auto, httptools_impl

from compat.direct_writes import EXTENSION, OPEN, DirectWrites
from compat.known_answers import Known, write_known

# A refused client reads its answer meanwhile; closing while it still sends would take the answer away.
LINGER_SECONDS = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# Given status, detail and path, the whole answer as it goes over the wire.
Refusal = Callable[[HTTPStatus, str, str], bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be at most.

    Attributes:
        header_bytes: of request line and headers.
        body_bytes: of the body.
        seconds: from its first byte to its last.
    """

    header_bytes: int
    body_bytes: int
    seconds: float


class LimitedProtocol(httptools_impl.HttpToolsProtocol):
    """Refuses what is too large or too slow before it is kept, and hands over requests that are complete."""

    limits: Limits
    refusal: Refusal
    known: Known

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_refused = False
        self._is_receiving = False
        self._has_headers = False
        self._header_bytes = 0
        self._waiting: tuple[Any, Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: {OPEN: lambda: DirectWrites(self)}}

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client, and start the clock of a request that is not complete with them."""
        if not self._is_refused:
            self._header_bytes += len(data)
            super().data_received(data)
            self._watch()

    def _watch(self) -> None:
        if self._is_refused:
            return
        if not self._is_receiving:
            self._header_bytes = 0
        elif not self._has_headers and self._header_bytes > self.limits.header_bytes:
            self._refuse_headers()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.limits.seconds, self._refuse_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is not complete."""
        self._stop_clock()
        self._waiting = None
        self._extensions.clear()  # it refers to this protocol, which nothing else would free at once
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_receiving, self._has_headers = True, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse the request by its headers, or let its body come."""
        self._has_headers = True
        if self._is_refused:
            return
        if self._header_bytes > self.limits.header_bytes and self._size_of_headers() > self.limits.header_bytes:
            self._refuse_headers()
            return
        super().on_headers_complete()
        self.scope["extensions"] = self._extensions
        if self.scope["method"] == "GET":  # a body, if there is one, is measured as it comes
            return
        announced = next((value for name, value in self.headers if name == b"content-length"), b"0")
        if int(announced) > self.limits.body_bytes:
            self._refuse_body()
        elif self.expect_100_continue and self._waiting is not None:
            self.transport.write(CONTINUE)
            self.cycle.waiting_for_100_continue = False

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._is_refused or self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > self.limits.body_bytes:
            self._refuse_body()

    def on_message_complete(self) -> None:
        """Answer the request if that is known, or hand it over."""
        self._is_receiving, self._header_bytes = False, 0
        self._stop_clock()
        if self._is_refused:
            return
        waiting, self._waiting = self._waiting, None
        if waiting is not None and write_known(self, self.known):
            return
        super().on_message_complete()
        if waiting is not None:
            super()._start_asgi_task(*waiting)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the one form of all refusals."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if cycle is self.cycle and self._is_receiving:
            self._waiting = (cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def _size_of_headers(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_headers(self) -> None:
        most = self.limits.header_bytes
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"request line and headers have more than {most} bytes"
        )

    def _refuse_body(self) -> None:
        most = self.limits.body_bytes
        self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most} bytes")

    def _refuse_slow(self) -> None:
        seconds = self.limits.seconds
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request did not arrive within {seconds:g} s")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        self._is_refused = True
        self._waiting = None
        self._stop_clock()
        path = getattr(self, "url", b"").partition(b"?")[0].decode("latin-1")
        self.transport.write(self.refusal(status, detail, path))
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def install(limits: Limits, refusal: Refusal, known: Known) -> None:
    """Have the servers that this process starts from now on keep `limits`, and answer at once what is `known`.

    Raises:
        RuntimeError: this release of uvicorn chooses its protocol elsewhere, or has no httptools.
    """
    if getattr(auto, "AutoHTTPProtocol", None) is None or not issubclass(
        auto.AutoHTTPProtocol, httptools_impl.HttpToolsProtocol
    ):
        raise RuntimeError("uvicorn has no httptools protocol here; compat/uvicorn_limits.py needs it")
    auto.AutoHTTPProtocol = limited(limits, refusal, known)


def limited(limits: Limits, refusal: Refusal, known: Known = lambda _scope: None) -> type[LimitedProtocol]:
    """Return the protocol with its limits."""
    given = {"limits": limits, "refusal": staticmethod(refusal), "known": staticmethod(known)}
    return type("Limited", (LimitedProtocol,), given)
