"""Against a real server on the loopback interface, byte by byte."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from compat.known_answers import Known
from compat.uvicorn_limits import LimitedProtocol
from tests.compat.test_uvicorn_limits import LIMITS, exchange, serving_app

KNOWN = b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
AT_ONCE = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 7\r\n\r\nat once"
LATER = AT_ONCE.replace(b"at once", b"  later")

Serving = Callable[..., Any]


async def later(_scope: Any, _receive: Any, send: Any) -> None:
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"7")]})
    await send({"type": "http.response.body", "body": b"  later"})


def at_once(scope: Any) -> tuple[int, bytes] | None:
    return (200, b"content-length: 7\r\n\r\nat once") if scope["path"] == "/known" else None


@asynccontextmanager
async def serving(known: Known = at_once) -> AsyncIterator[int]:
    async with serving_app(later, LIMITS, known) as port:
        yield port


async def test_what_is_known_is_written_as_the_application_would_have_it() -> None:
    async with serving() as port:
        assert await exchange(port, KNOWN, until=b"at once") == AT_ONCE
        assert await exchange(port, OTHER, until=b"later") == LATER


async def test_a_connection_serves_both_in_the_order_of_the_requests() -> None:
    async with serving() as port:
        assert await exchange(port, KNOWN, OTHER, KNOWN, until=b"later" + AT_ONCE) == AT_ONCE + LATER + AT_ONCE

        # What is sent before the answer to the one before has begun waits for it, as an application's answer.
        answer = await exchange(port, KNOWN + KNOWN + OTHER + KNOWN, until=b"later" + LATER)
        assert answer == AT_ONCE + AT_ONCE + LATER + LATER


@pytest.mark.parametrize(
    "request_", [KNOWN.replace(b"1.1", b"1.0"), KNOWN.replace(b"Host: x", b"Connection: close")], ids=["1.0", "close"]
)
async def test_a_connection_that_the_client_wants_to_end_ends(request_: bytes) -> None:
    async with serving() as port:
        assert await exchange(port, request_) == AT_ONCE.replace(b"content", b"connection: close\r\ncontent")


async def test_nothing_is_answered_before_all_of_the_request_is_there() -> None:
    asked = []

    def watched(scope: Any) -> tuple[int, bytes] | None:
        asked.append(scope["headers"])
        return at_once(scope)

    async with serving(watched) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(KNOWN.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nbo"))
        await writer.drain()
        await exchange(port, KNOWN, until=b"at once")

        assert asked == [[(b"host", b"x")]]
        writer.close()


async def test_a_connection_is_freed_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        async with serving() as port:
            await exchange(port, KNOWN, until=b"at once")
        assert not [one for one in gc.get_objects() if isinstance(one, LimitedProtocol)]
    finally:
        gc.enable()


async def test_where_it_fails_the_application_answers(caplog: pytest.LogCaptureFixture) -> None:
    def failing(_scope: Any) -> None:
        raise KeyError("a bug")

    async with serving(failing) as port:
        assert await exchange(port, KNOWN, until=b"later") == LATER

    assert "a bug" in caplog.text


async def test_a_client_that_does_not_read_is_not_written_to() -> None:
    size, number = 1_000_000, 50
    written = 0

    def large(_scope: Any) -> tuple[int, bytes]:
        nonlocal written
        written += 1
        return 200, b"content-length: %d\r\n\r\n%s" % (size, b"x" * size)

    async with serving(large) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(KNOWN * number + OTHER)
        await writer.drain()
        async with asyncio.timeout(60):
            await reader.readuntil(b"\r\n\r\n")
            assert written < number // 2
            rest = b""
            for _ in range(number):
                while b"HTTP/1.1 200 OK" not in rest:
                    rest += await reader.read(size)
                rest = rest.partition(b"HTTP/1.1 200 OK")[2]
        writer.close()
