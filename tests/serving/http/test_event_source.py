"""A client of a stream that takes nothing."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest
from sse_starlette.sse import SendTimeoutError
from starlette.types import Message

from serving.events.places import DROPPED
from serving.http.routes import events
from serving.http.routes.events import event_source


async def content() -> AsyncIterator[bytes]:
    while True:
        yield b"data: {}\r\n\r\n"


async def test_it_is_cut_off_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SLOWEST_CLIENT_SECONDS", 0.01)
    before = DROPPED["predictions"].count

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    response = event_source("predictions", content(), anyio.Event())
    with pytest.raises(SendTimeoutError):
        await response({"type": "http", "method": "GET", "headers": []}, receive, send)
    assert DROPPED["predictions"].count == before + 1
