"""What each way of a provider to behave leads to, as docs/market-data.md has it."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import pytest
import stamina
from structlog.testing import capture_logs
from websockets.datastructures import Headers
from websockets.http11 import Response

from configuration import ROOT
from market.clock import Clock
from market.errors import ProviderError
from market.streams.alpaca import AlpacaStream
from market.streams.connection import MOST_MALFORMED, Patience, listen
from market.streams.following import Pauses, follow
from market.streams.latest_prices import LatestPrices
from market.streams.price_stream import PriceStream
from market.streams.tiingo import TiingoStream
from tests.market.streams.servers import BEGUN, KEY, SECRET, Play, Playing, playing, price_message, until

PROVIDERS = ("tiingo", "alpaca")
DOUBLING = "again after 1, 2, 4 … 60 s"
SHORT = Patience(opening=20.0, subscription=0.3, ping=20.0, closing=0.1)
WRONG_KEY = {"tiingo": 401, "alpaca": 402}
LIMIT = {"tiingo": 429, "alpaca": 406}


def stream_of(provider: str, url: str, silence: float | None = None) -> PriceStream:
    if provider == "tiingo":
        tiingo = TiingoStream(url, KEY, ("AAPL", "BRK.B"))
        tiingo.silence = silence
        return tiingo
    alpaca = AlpacaStream(url, KEY, SECRET, ("AAPL", "BRK.B"), 30)
    alpaca.silence = silence
    return alpaca


async def success(server: Playing) -> None:
    await server.accept()
    await server.price(100, 1)
    await server.price(101, 2)


async def wrong_key(server: Playing) -> None:
    await server.refuse(WRONG_KEY[server.provider])


async def another_connection(server: Playing) -> None:
    await server.refuse(LIMIT[server.provider])


async def no_answer(server: Playing) -> None:
    await server.rest()


async def silence(server: Playing) -> None:
    await success(server)
    await server.rest()


async def garbage(server: Playing) -> None:
    await success(server)
    for number in range(MOST_MALFORMED):
        await server.connection.send(b"\xff\x00<html>" if number % 2 else '{"messageType": 7, "T": []}')
    await server.rest()


async def half_messages(server: Playing) -> None:
    await server.accept()
    await server.price(100, 1)
    message = price_message(server.provider, "AAPL", 55, BEGUN + timedelta(seconds=2))
    for length in range(0, len(message), 20):
        await server.connection.send(message[:length])
    await server.price(101, 3)


async def cut_message(server: Playing) -> None:
    await success(server)
    server.connection.transport.write(b"\x81\x7e\x10\x00[{")  # a frame that announces 4096 bytes, and two of them
    server.connection.transport.close()
    await server.rest()


async def duplicates(server: Playing) -> None:
    await success(server)
    await server.price(55, 2)


async def backwards(server: Playing) -> None:
    await success(server)
    await server.price(55, 1.5)


async def future(server: Playing) -> None:
    await success(server)
    await server.price(55, 86400)


def closing(code: int) -> Play:
    async def play(server: Playing) -> None:
        await success(server)
        await server.connection.close(code, f"bye {KEY}")

    return play


@dataclass(frozen=True)
class Case:
    name: str
    play: Play
    outcome: str
    silence: float | None = None


CASES = (
    Case("prices come, then the connection ends", success, f"shown; `Unreachable`, {DOUBLING}"),
    Case("the key is refused", wrong_key, "`BadKey`, again after 600 s"),
    Case("no further connection for this key", another_connection, "`ConnectionLimit`, again after 30 s"),
    Case("no answer to the subscription", no_answer, f"`Unreachable`, {DOUBLING}"),
    Case("silence beyond the heartbeat", silence, f"shown; `Unreachable`, {DOUBLING}", silence=0.3),
    Case("20 messages in a row that cannot be read", garbage, f"shown; `Malformed`, {DOUBLING}"),
    Case("half messages between whole ones", half_messages, f"half ones ignored, shown; `Unreachable`, {DOUBLING}"),
    Case("the connection breaks within a message", cut_message, f"shown; `Unreachable`, {DOUBLING}"),
    Case("a price with the time of the one before", duplicates, f"dropped, shown; `Unreachable`, {DOUBLING}"),
    Case("a price with an earlier time", backwards, f"dropped, shown; `Unreachable`, {DOUBLING}"),
    Case("a price of the future", future, f"ignored, shown; `Unreachable`, {DOUBLING}"),
    *(
        Case(f"the connection is closed with code {code}", closing(code), f"shown; `Unreachable`, {DOUBLING}")
        for code in (1000, 1001, 1008, 1011, 1012)
    ),
)


@dataclass
class Heard:
    prices: LatestPrices
    last: list[float]
    error: ProviderError
    ignored: int


async def hear(provider: str, case: Case) -> Heard:
    last: list[float] = []
    prices = LatestPrices([provider], Clock(), lambda _: None)

    def take(ticks: Any) -> None:
        prices.take(provider, ticks)
        prices._due_at.clear()  # noqa: SLF001  # a second is over
        prices.sweep()
        if "AAPL" in prices.shown:
            last.append(prices.shown["AAPL"].price)

    async with playing(provider, case.play) as server:
        stream = stream_of(provider, server.url, case.silence)
        with capture_logs() as logs, pytest.raises(ProviderError) as raised:
            await listen(stream, take, lambda: None, Clock(), SHORT)
    ignored = sum(line["event"] == "stream.message_ignored" for line in logs)
    return Heard(prices, last, raised.value, ignored)


def described(heard: Heard) -> str:
    """What happened, in the words of the table."""
    after = Pauses().after(heard.error)
    pause = DOUBLING if after is True else f"again after {after:g} s"
    shown = "shown; " if heard.last and heard.last[-1] == 101 else ""
    dropped = "dropped, " if heard.prices.dropped else ""
    return f"{dropped}{shown}`{type(heard.error).__name__}`, {pause}"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_what_it_leads_to_is_what_the_document_says(provider: str, case: Case) -> None:
    heard = await hear(provider, case)

    assert described(heard) == case.outcome.replace("half ones ignored, ", "").replace("ignored, ", "")
    assert 55 not in heard.last
    assert ("ignored" in case.outcome or "Malformed" in case.outcome) == (heard.ignored > 0)
    assert KEY not in f"{heard.error}"
    assert f"| {case.name} | {case.outcome} |" in (ROOT / "docs/market-data.md").read_text(encoding="utf-8")


@pytest.fixture
def waits() -> Any:
    """The pauses between connections, as they are begun."""
    found: list[float] = []
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([lambda details: found.append(details.wait_for)])
    yield found
    stamina.instrumentation.set_on_retry_hooks(before)


async def test_a_flapping_connection_is_made_ever_less_often(waits: list[float]) -> None:
    shown = []
    prices = LatestPrices(["tiingo"], Clock(), lambda ticker: shown.append(prices.shown[ticker].price))
    pauses = Pauses(first=0.01, longest=0.16, jitter=0.001)
    async with playing("tiingo", success) as server:
        following = asyncio.create_task(follow(stream_of("tiingo", server.url), prices, Clock(), SHORT, pauses))
        await until(lambda: len(waits) >= 7)
        following.cancel()

    assert all(least <= wait <= least + 0.001 for least, wait in zip((0.01, 0.02, 0.04, 0.08), waits[:4], strict=True))
    assert waits[5:7] == pytest.approx([0.16, 0.16])
    assert prices.gaps >= 1
    assert shown[0] == 100
    assert not prices.shown


async def test_a_connection_that_held_makes_the_next_failure_a_first_one(waits: list[float]) -> None:
    prices = LatestPrices(["tiingo"], Clock(), lambda _: None)
    async with playing("tiingo", success) as server:
        pauses = Pauses(first=30.0, steady=0.0)  # a retry would wait longer than this test
        following = asyncio.create_task(follow(stream_of("tiingo", server.url), prices, Clock(), SHORT, pauses))
        await until(lambda: server.connections >= 3)
        following.cancel()

    assert waits == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_connection_that_answers_no_ping_is_given_up(provider: str) -> None:
    given_up = asyncio.Event()

    async def freeze(server: Playing) -> None:
        await server.accept()
        server.connection.transport.pause_reading()
        await given_up.wait()
        server.connection.transport.resume_reading()
        await server.rest()

    patience = Patience(subscription=20.0, ping=0.2, closing=0.1)
    async with playing(provider, freeze) as server:
        with pytest.raises(ProviderError, match="closed"):
            await listen(stream_of(provider, server.url), lambda _: None, lambda: None, Clock(), patience)
        given_up.set()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_server_that_is_gone_or_speaks_no_websocket(provider: str) -> None:
    def web_page(*_: object) -> Response:
        return Response(401, "no", Headers(), KEY.encode())

    async with playing(provider, success, process_request=web_page) as server:
        with pytest.raises(ProviderError) as refused:
            await hold(provider, server.url)
        gone = server.url
    with pytest.raises(ProviderError) as unreachable:
        await hold(provider, gone)

    assert [type(one.value).__name__ for one in (refused, unreachable)] == ["BadKey", "Unreachable"]


async def hold(provider: str, url: str) -> NoReturn:
    await listen(stream_of(provider, url), lambda _: None, lambda: None, Clock(), SHORT)


async def test_the_first_words_are_those_that_each_provider_wants() -> None:
    said = {}
    for provider in PROVIDERS:
        async with playing(provider, success) as server:
            with pytest.raises(ProviderError):
                await hold(provider, server.url)
            said[provider] = server.heard
    assert said["tiingo"] == [
        {
            "eventName": "subscribe",
            "authorization": KEY,
            "eventData": {"thresholdLevel": 6, "tickers": ["aapl", "brk-b"]},
        }
    ]
    assert said["alpaca"] == [
        {"action": "auth", "key": KEY, "secret": SECRET},
        {"action": "subscribe", "trades": ["AAPL", "BRK.B"]},
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_keys_appear_nowhere(
    provider: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    pauses = Pauses(first=0.001, longest=0.001, jitter=0.0, limit=0.001, refusal=0.001)
    plays = (success, wrong_key, another_connection, cut_message, closing(1008), no_answer)
    prices = LatestPrices([provider], Clock(), lambda _: None)
    async with playing(provider, *plays) as server:
        with capture_logs() as logs:
            following = asyncio.create_task(follow(stream_of(provider, server.url), prices, Clock(), SHORT, pauses))
            await until(lambda: server.connections > len(plays))
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        assert KEY in json.dumps(server.heard)
    # The server of these tests hears the keys and logs what it hears.
    records = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    written = [*map(str, logs), *records, *capfd.readouterr()]
    assert any("interrupted" in text for text in written)
    assert not [text for text in written if KEY in text or SECRET in text]
