"""Streamed prices as every process sees them: its owner's while that lives, and none when nobody has any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from market.calendar.sessions import Sessions
from market.clock import Clock
from market.streams.board import Board
from market.streams.connection import Patience
from market.streams.following import Pauses
from market.streams.ownership import Ownership, RedisLock
from market.streams.streams import LIVE_SECONDS, Rhythm, Streams
from market.streams.tiingo import TiingoStream
from redis_client import connect
from tests.market.streams.servers import KEY, Playing, playing, until

RHYTHM = Rhythm(Patience(subscription=20.0, closing=0.1), Pauses(first=0.01, longest=0.05, jitter=0.0))


async def prices(server: Playing) -> None:
    await server.accept()
    for number in range(10_000):
        await server.price(100 + number, number / 100)
        await asyncio.sleep(0.05)


def made(home: Path, url: str, sessions: Sessions, redis: str | None = None, clock: Clock | None = None) -> Streams:
    client = connect(redis, 5.0) if redis else None
    lock = RedisLock(client, "owner", home / "streams" / "machine") if client else None
    ownership = Ownership(home / "streams" / "owner.lock", lock)
    board = Board(home / "streams" / "latest.json", client, "latest")
    return Streams([TiingoStream(url, KEY, ("AAPL",))], board, ownership, sessions, clock=clock, rhythm=RHYTHM)


@asynccontextmanager
async def running(streams: Streams) -> AsyncIterator[Streams]:
    task = asyncio.create_task(streams.run())
    yield streams
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_has_the_connection_and_all_have_its_prices(tmp_path: Path, open_sessions: Sessions) -> None:
    async with playing("tiingo", prices) as server:
        first, second = (made(tmp_path, server.url, open_sessions) for _ in range(2))
        told: list[str] = []
        second.on_price(told.append)
        async with running(first), running(second):
            await until(lambda: bool(first.latest("AAPL") and second.latest("AAPL")))
            await until(lambda: len(told) >= 2)
            assert server.connections == 1
            assert sorted([first.is_owner, second.is_owner]) == [False, True]
            assert first.latest("MSFT") is None


class Report:
    """What is told about the streams."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def owns(self, *, is_owner: bool) -> None:
        self.told.append("owned" if is_owner else "left")

    def received(self, provider: str) -> None:
        self.told.append(f"received from {provider}")

    def interrupted(self, provider: str) -> None:
        self.told.append(f"{provider} interrupted")


async def test_what_the_owner_goes_through_is_told(tmp_path: Path, open_sessions: Sessions) -> None:
    async def one_price(server: Playing) -> None:
        await server.accept()
        await server.price(100, 0)

    report = Report()
    async with playing("tiingo", one_price) as server:
        streams = made(tmp_path, server.url, open_sessions)
        streams.report_to(report)
        async with running(streams):
            await until(lambda: report.told.count("tiingo interrupted") == 1)
    assert report.told[0] == "owned"
    assert report.told[1 : report.told.index("tiingo interrupted")] == ["received from tiingo"] * 2
    assert report.told[-1] == "left"


async def test_another_takes_over(tmp_path: Path, open_sessions: Sessions) -> None:
    async with playing("tiingo", prices) as server:
        first, second = (made(tmp_path, server.url, open_sessions) for _ in range(2))
        tasks = [asyncio.create_task(first.run())]
        await until(lambda: first.is_owner)
        tasks.append(asyncio.create_task(second.run()))
        await until(lambda: second.latest("AAPL") is not None)
        tasks[0].cancel()
        await until(lambda: second.is_owner and second.latest("AAPL") is not None)
        assert not first.is_owner
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_machines_share_by_redis(tmp_path: Path, open_sessions: Sessions, redis_server: Any) -> None:
    async with playing("tiingo", prices) as server:
        first, second = (made(tmp_path / name, server.url, open_sessions, redis_server.url) for name in ("one", "two"))
        async with running(first), running(second):
            await until(lambda: bool(first.latest("AAPL") and second.latest("AAPL")))
            assert server.connections == 1
            redis_server.stop()
            await until(lambda: first.is_owner and second.is_owner)
            await until(lambda: bool(first.latest("AAPL") and second.latest("AAPL")))
            redis_server.start()
            await until(lambda: first.is_owner is not second.is_owner)


async def test_a_provider_that_is_gone_leaves_no_price(tmp_path: Path, open_sessions: Sessions) -> None:
    async with playing("tiingo", prices) as server:
        streams = made(tmp_path, server.url, open_sessions)
        context = running(streams)
        await context.__aenter__()
        await until(lambda: streams.latest("AAPL") is not None)
    await until(lambda: streams.latest("AAPL") is None)
    await context.__aexit__(None, None, None)


async def test_the_board_of_an_owner_that_died_shows_nothing(
    tmp_path: Path, open_sessions: Sessions, clock: Any
) -> None:
    async with playing("tiingo", prices) as server, running(made(tmp_path, server.url, open_sessions)) as owner:
        await until(lambda: owner.latest("AAPL") is not None)
        board = Board(tmp_path / "streams" / "latest.json")
        await until(lambda: "AAPL" in (board.read() or ("", {}))[1])
        left = (tmp_path / "streams" / "latest.json").read_bytes()
    reader = made(tmp_path, "ws://127.0.0.1:1", open_sessions, clock=Clock(Clock().now, clock.elapsed))
    (tmp_path / "streams" / "latest.json").write_bytes(left)
    await reader._look(clock.elapsed())  # noqa: SLF001
    assert reader.latest("AAPL") is None  # it may be there since long ago
    board.write("next", board.read()[1])  # type: ignore[index]  # it is there
    await reader._look(clock.elapsed())  # noqa: SLF001
    assert reader.latest("AAPL") is not None
    clock.forward(LIVE_SECONDS + 0.1)
    assert reader.latest("AAPL") is None


async def test_outside_sessions_nobody_is_connected(tmp_path: Path, sessions: Sessions, clock: Any) -> None:
    async with playing("tiingo", prices) as server:
        async with running(made(tmp_path, server.url, sessions, clock=clock)) as streams:
            await asyncio.sleep(0.5)
            assert not streams.is_owner
        assert server.connections == 0


def test_a_board_that_holds_something_else_shows_nothing(tmp_path: Path) -> None:
    board = Board(tmp_path / "latest.json")
    assert board.read() is None
    for text in (b"", b"{", b'{"beat": 1}', b'{"beat": "a", "prices": [["AAPL", -1, "x"]]}', b"\xff"):
        (tmp_path / "latest.json").write_bytes(text)
        assert board.read() is None
