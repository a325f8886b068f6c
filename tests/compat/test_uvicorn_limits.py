"""Against a real server on the loopback interface, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import auto
from uvicorn.server import ServerState

from compat.known_answers import Known
from compat.uvicorn_limits import Limits, install, limited

LIMITS = Limits(header_bytes=1000, body_bytes=200_000, seconds=60.0)
SOON = Limits(header_bytes=1000, body_bytes=200_000, seconds=0.2)

Connected = Callable[..., Any]


def refusal(status: HTTPStatus, detail: str, path: str) -> bytes:
    body = f"{detail} at {path}".encode()
    return b"HTTP/1.1 %d x\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(body), body)


def nothing(_scope: Any) -> None:
    """Leaves every request to the application."""


@asynccontextmanager
async def serving(limits: Limits, started: list[str]) -> AsyncIterator[int]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        started.append(scope["path"])
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        text = b"%d bytes" % len(body)
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async with serving_app(app, limits) as port:
        yield port


@asynccontextmanager
async def serving_app(app: Any, limits: Limits, known: Known = nothing) -> AsyncIterator[int]:
    """The port on which a real server answers by `app` what is not `known`."""
    protocol = limited(limits, refusal, known)
    config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off", ws="none")
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    connect = partial(protocol, config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(60):
            while state.connections or state.tasks:  # noqa: ASYNC110  # the library has no event for it
                await asyncio.sleep(0.01)


async def exchange(port: int, *parts: bytes, until: bytes = b"") -> bytes:
    """Send `parts` one after the other, and read until the server closes or `until` came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        async with asyncio.timeout(60):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()


@pytest.fixture
async def started() -> list[str]:
    return []


async def test_a_request_of_usual_size_passes_however_it_is_cut(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        body = b"x" * 150_000
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n"

        for parts in ([head + body], [head[:20], head[20:], body[:1], body[1:]]):
            assert b"200 OK" in await exchange(port, *parts, until=b"150000 bytes")


async def test_nothing_reaches_the_application_before_all_of_it_is_there(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /unfinished HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        await exchange(port, b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n", until=b"0 bytes")

        assert started == ["/other"]
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
        [b"GET /a HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * 2000 + b"\r\n\r\n"],
        [b"GET /a HTTP/1.1\r\n", *[b"H%d: " % n + b"x" * 100 + b"\r\n" for n in range(20)]],
        [b"GET /a HTTP/1.1\r\nEndless: ", *[b"x" * 400 for _ in range(4)]],
    ],
)
async def test_long_headers_are_refused_even_unfinished(started: list[str], parts: list[bytes]) -> None:
    async with serving(LIMITS, started) as port:
        assert b" 431 " in await exchange(port, *parts)
    assert not started


@pytest.mark.parametrize(
    "parts",
    [
        [b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\n\r\n"],
        [b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\nExpect: 100-continue\r\n\r\n"],
        [b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"30d41\r\n" + b"x" * 200_001],
    ],
)
async def test_long_bodies_are_refused_announced_or_not(started: list[str], parts: list[bytes]) -> None:
    async with serving(LIMITS, started) as port:
        assert b" 413 " in await exchange(port, *parts)
    assert not started


@pytest.mark.parametrize(
    "part", [b"GET /slow", b"GET /slow HTTP/1.1\r\nHost: x\r\n", b"POST /slow HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_slow_senders_are_cut(started: list[str], part: bytes) -> None:
    async with serving(SOON, started) as port:
        answer = await exchange(port, part)

    assert b" 408 " in answer
    assert b"did not arrive within 0.2 s at /slow" in answer
    assert not started


async def test_a_connection_that_waits_between_requests_is_not_slow(started: list[str]) -> None:
    async with serving(SOON, started) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            await asyncio.sleep(2 * SOON.seconds)
            writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(60):
                assert b"200 OK" in await reader.readuntil(b"0 bytes")
        writer.close()


async def test_pipelined_requests_are_answered_in_order(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        post = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
        sent = b"".join(post % (number, number, b"x" * number) for number in range(1, 6))

        answer = await exchange(port, sent[:150], sent[150:], until=b"5 bytes")

    assert answer.count(b"200 OK") == 5
    assert started == ["/1", "/2", "/3", "/4", "/5"]


async def test_a_client_that_waits_for_leave_to_send_gets_it(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

        answer = await exchange(port, head, b"body", until=b"4 bytes")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_an_upgrade_that_is_not_offered_is_answered_as_a_request(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        sent = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

        assert b"200 OK" in await exchange(port, sent, until=b"0 bytes")


async def test_what_is_not_http_is_refused_in_the_same_form(started: list[str]) -> None:
    async with serving(LIMITS, started) as port:
        assert b" 400 x" in await exchange(port, b"\x16\x03\x01 hello\r\n\r\n")


def test_the_server_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "AutoHTTPProtocol", auto.AutoHTTPProtocol)
    install(LIMITS, refusal, nothing)
    config = uvicorn.Config(lambda: None, log_config=None)
    config.load()

    assert getattr(config.http_protocol_class, "limits", None) is LIMITS


def test_a_release_without_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "AutoHTTPProtocol", asyncio.Protocol)
    with pytest.raises(RuntimeError, match=r"compat/uvicorn_limits\.py needs it"):
        install(LIMITS, refusal, nothing)
