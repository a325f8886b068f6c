"""Predictions for listeners: computed once for all, when something has changed, while anybody listens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from market.errors import NoPrices
from market.quotes.quote import Quote
from serving.contract.problems import Problem
from serving.events import prediction_streams
from serving.events.places import StreamPlaces
from serving.events.prediction_streams import Listener, PredictionStreams

AAPL, MSFT = ("AAPL", 1), ("MSFT", 1)


class Followed:
    """Streams over a real predictor, with prices that a test lets come."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts
        self.prices: dict[str, Quote] = {}
        self.streams = PredictionStreams(parts.predictor.newest, self.prices.get, StreamPlaces(3))
        self._price_of = parts.market.quote
        parts.market.quote = self._quote

    def price(self, ticker: str, price: float) -> None:
        now = datetime.now(UTC)
        self.prices[ticker] = Quote(ticker, price, now, "simulated", fetched_at=now, expires_at=now)
        self.streams.priced(ticker)

    async def _quote(self, ticker: str) -> Quote:
        quote: Quote = await self._price_of(ticker)
        streamed = self.prices.get(ticker)
        return replace(quote, price=streamed.price, at=streamed.at) if streamed else quote


@pytest.fixture
def followed(parts: Any, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setattr(prediction_streams, "POLLED_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(prediction_streams, "LOOK_SECONDS", 0.005)
    return Followed(parts)


@asynccontextmanager
async def running(streams: PredictionStreams) -> AsyncIterator[PredictionStreams]:
    task = asyncio.create_task(streams.run())
    yield streams
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def events(listener: Listener, count: int) -> list[dict[str, Any]]:
    """The next events, each with its id, its name and its body."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            for text in (await listener.take()).decode().split("\r\n\r\n")[:-1]:
                fields = dict(line.split(": ", 1) for line in text.split("\r\n"))
                found.append({**fields, "data": json.loads(fields["data"])})
    return found


async def test_all_listeners_get_the_same_bytes_from_one_computation(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        listeners = [streams.subscribe([AAPL]) for _ in range(3)]
        first = [await listener.take() for listener in listeners]
    assert first[0].startswith(b"id: ")
    assert all(content is not None and content == first[0] for content in first)
    assert len(followed.parts.noted) == 1


async def test_a_price_that_came_is_in_the_next_event_of_its_ticker_alone(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        listener = streams.subscribe([AAPL, MSFT])
        await events(listener, 2)
        for price in (123.25, 124.5):
            followed.price("AAPL", price)
            (event,) = await events(listener, 1)
            assert (event["event"], event["data"]["ticker"], event["data"]["current_price"]) == (
                "prediction",
                "AAPL",
                price,
            )


async def test_a_slow_listener_gets_the_newest_alone(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        slow, quick = streams.subscribe([AAPL]), streams.subscribe([AAPL])
        await events(quick, 1)
        for price in (123.25, 124.5, 125.75):
            followed.price("AAPL", price)
            await events(quick, 1)
        assert [event["data"]["current_price"] for event in await events(slow, 1)] == [125.75]


async def test_nothing_is_computed_where_nobody_listens(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        listener = streams.subscribe([AAPL])
        await events(listener, 1)
        streams.unsubscribe(listener)
        while streams._under_way:  # noqa: SLF001, ASYNC110  # what had begun
            await asyncio.sleep(0.005)
        asked = followed.parts.market.asked
        followed.price("AAPL", 123.25)
        await asyncio.sleep(0.1)
        assert followed.parts.market.asked == asked


async def test_a_listener_that_comes_back_gets_what_it_has_not_seen(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        others = streams.subscribe([AAPL, MSFT])
        seen = await events(others, 2)
        followed.price("MSFT", 99.5)
        (news,) = await events(others, 1)
        back = streams.subscribe([AAPL, MSFT], max(seen, key=lambda event: int(event["id"].split("-")[1]))["id"])
        assert await events(back, 1) == [news]
        foreign = streams.subscribe([AAPL, MSFT], "another-9999")
        assert {event["data"]["ticker"] for event in await events(foreign, 2)} == {"AAPL", "MSFT"}


async def test_a_ticker_without_prices_is_a_problem_and_spoils_no_other(followed: Followed) -> None:
    del followed.parts.market.bars["MSFT"]
    async with running(followed.streams) as streams:
        found = {event["data"]["ticker"]: event for event in await events(streams.subscribe([AAPL, MSFT]), 2)}
        assert (found["MSFT"]["event"], found["MSFT"]["data"]["status"]) == ("problem", 503)
        assert found["AAPL"]["event"] == "prediction"


async def test_a_ticker_that_takes_long_keeps_no_other_waiting(followed: Followed) -> None:
    gate = asyncio.Event()
    newest = followed.streams._newest  # noqa: SLF001

    async def slow(ticker: str, horizon: int, since: datetime | None = None) -> Any:
        if ticker == "MSFT":
            await gate.wait()
        return await newest(ticker, horizon, since)

    followed.streams._newest = slow  # noqa: SLF001
    async with running(followed.streams) as streams:
        listener = streams.subscribe([AAPL, MSFT])
        assert [event["data"]["ticker"] for event in await events(listener, 1)] == ["AAPL"]
        followed.price("AAPL", 123.25)
        assert [event["data"]["ticker"] for event in await events(listener, 1)] == ["AAPL"]
        gate.set()
        assert [event["data"]["ticker"] for event in await events(listener, 1)] == ["MSFT"]


async def test_prices_that_are_gone_leave_the_last_answer_marked_stale(followed: Followed) -> None:
    async with running(followed.streams) as streams:
        listener = streams.subscribe([AAPL])
        await events(listener, 1)
        followed.parts.market.broken = NoPrices("AAPL", [])
        followed.price("AAPL", 123.25)
        (event,) = await events(listener, 1)
        assert event["data"]["data"]["stale"]


async def test_one_listener_too_many_is_refused_until_another_has_left(followed: Followed) -> None:
    streams = followed.streams
    listeners = [streams.subscribe([AAPL]) for _ in range(3)]
    with pytest.raises(Problem) as refused:
        streams.subscribe([AAPL])
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "30")
    streams.unsubscribe(listeners[0])
    streams.subscribe([AAPL])


async def test_an_ended_listener_takes_nothing_more(followed: Followed) -> None:
    listener = followed.streams.subscribe([AAPL])
    listener.put({AAPL: b"something"})
    listener.end()
    assert await listener.take() == b""


async def test_what_is_computed_together_arrives_in_one_piece(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_streams, "LOOK_SECONDS", 3600.0)
    listener = followed.streams.subscribe([AAPL, MSFT])
    async with running(followed.streams):
        content = await asyncio.wait_for(listener.take(), 60)
    assert content.count(b"id: ") == 2


async def test_a_price_that_comes_while_an_answer_is_computed_is_not_missed(followed: Followed) -> None:
    known, gate, asked = followed.parts.market.quote, asyncio.Event(), asyncio.Event()

    async def quote(ticker: str) -> Quote:
        found: Quote = await known(ticker)
        if not asked.is_set():
            asked.set()
            await gate.wait()
        return found

    followed.parts.market.quote = quote
    async with running(followed.streams) as streams, asyncio.TaskGroup() as others:
        others.create_task(followed.parts.predictor.answer(*AAPL))
        await asked.wait()
        followed.price("AAPL", 123.25)
        listener = streams.subscribe([AAPL])
        while not streams._under_way:  # noqa: SLF001, ASYNC110  # until it waits for that answer
            await asyncio.sleep(0.005)
        gate.set()
        (event,) = await events(listener, 1)
    assert event["data"]["current_price"] == 123.25


async def test_a_quick_client_is_written_to_past_its_task(followed: Followed) -> None:
    chunks: list[bytes] = []

    def write(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    async with running(followed.streams) as streams:
        listener = streams.subscribe([AAPL], write=write)
        while not chunks:  # noqa: ASYNC110  # what it waits for has no event
            await asyncio.sleep(0.005)
    size, _, rest = chunks[0].partition(b"\r\n")
    assert int(size, 16) == len(rest) - 2
    assert rest.startswith(b"id: ")
    assert not listener._waiting  # noqa: SLF001


async def test_what_waits_for_a_slow_client_is_never_overtaken(followed: Followed) -> None:
    chunks: list[bytes] = []
    takes = False

    def write(chunk: bytes) -> bool:
        chunks.extend([chunk] if takes else [])
        return takes

    async with running(followed.streams) as streams:
        quick, slow = streams.subscribe([AAPL]), streams.subscribe([AAPL], write=write)
        await events(quick, 1)
        takes = True
        followed.price("AAPL", 123.25)
        await events(quick, 1)
        assert not chunks
        assert [event["data"]["current_price"] for event in await events(slow, 1)] == [123.25]
        followed.price("AAPL", 124.5)
        await events(quick, 1)
        assert len(chunks) == 1
