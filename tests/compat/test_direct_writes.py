"""Parts of an answer without end, past the application, against a real server."""

import asyncio
from typing import Any

from compat.direct_writes import direct_writes, framed
from tests.compat.test_uvicorn_limits import LIMITS, serving_app

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BEGIN = {"type": "http.response.start", "status": 200, "headers": []}


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def test_they_stand_between_those_of_the_application_until_the_answer_ends() -> None:
    taken: list[bool] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        write = direct_writes(scope)
        assert write is not None
        taken.append(write(framed(b"too early")))
        await send(BEGIN)
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        taken.append(write(framed(b"two")))
        await send({"type": "http.response.body", "body": b"three", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        taken.append(write(framed(b"too late")))

    async with serving_app(app, LIMITS) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        assert [await read_chunk(reader) for _ in range(4)] == [b"one", b"two", b"three", b""]
        writer.close()
    assert taken == [False, True, False]


async def test_a_client_that_takes_nothing_gets_nothing_more() -> None:
    refused = asyncio.Event()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        write = direct_writes(scope)
        assert write is not None
        await send(BEGIN)
        while write(framed(b"x" * 100_000)):  # noqa: ASYNC110  # what it waits for has no event
            await asyncio.sleep(0)
        refused.set()

    async with serving_app(app, LIMITS) as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.write(REQUEST)
        await refused.wait()
        writer.transport.abort()
        del reader


def test_elsewhere_there_is_no_such_way() -> None:
    assert direct_writes({"type": "http"}) is None
