import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from serving.models.forest_socket import ADDRESSES, RemoteForests, listen, socket_of
from serving.models.onnx_sessions import Output, Row
from tests.patience import PATIENT


def echo(rows: Sequence[Row]) -> list[Output]:
    """Forests whose outputs are their inputs, and whose problem is the model."""
    return [Output(row.inputs, row.folder) for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "forests.rows"


@pytest.fixture
async def forests(path: Path) -> AsyncIterator[RemoteForests]:
    reached = RemoteForests(path)
    yield reached
    reached.close()


async def ask(forests: RemoteForests, *names: str) -> Sequence[Output]:
    return await asyncio.wait_for(forests([Row(name, name.encode()) for name in names]), PATIENT)


def outputs(*names: str) -> list[Output]:
    return [Output(name.encode(), name) for name in names]


async def test_rows_are_answered_in_their_order(path: Path, forests: RemoteForests) -> None:
    async with await listen(path, echo):
        assert await ask(forests, "a", "b") == outputs("a", "b")


async def test_questions_asked_at_once_get_their_own_answers(path: Path, forests: RemoteForests) -> None:
    async with await listen(path, echo):
        names = [f"{number}" for number in range(20)]
        assert await asyncio.gather(*(ask(forests, name) for name in names)) == [outputs(name) for name in names]


async def test_a_question_may_be_larger_than_what_is_read_at_once(path: Path, forests: RemoteForests) -> None:
    large = Row("large", bytes(2_000_000))
    async with await listen(path, echo):
        assert await asyncio.wait_for(forests([large]), PATIENT) == [Output(large.inputs, "large")]


async def test_who_waits_no_longer_leaves_its_answer_to_nobody_else(path: Path, forests: RemoteForests) -> None:
    async with await listen(path, echo):
        await ask(forests, "connected")
        impatient = asyncio.create_task(ask(forests, "impatient"))
        await asyncio.sleep(0)
        impatient.cancel()

        assert await ask(forests, "patient") == outputs("patient")


async def test_forests_that_start_later_are_waited_for(path: Path, forests: RemoteForests) -> None:
    early = asyncio.create_task(ask(forests, "early"))
    await asyncio.sleep(0)

    async with await listen(path, echo):
        assert await early == outputs("early")


async def test_forests_that_end_leave_no_question_open_and_are_found_again(path: Path, forests: RemoteForests) -> None:
    held: list[asyncio.BaseTransport] = []

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            held.append(transport)

        def data_received(self, _data: bytes) -> None:
            held[-1].close()

    async with await asyncio.get_running_loop().create_unix_server(Silent, str(path)):
        with pytest.raises(ConnectionResetError, match="has ended"):
            await ask(forests, "asked")

    async with await listen(path, echo):
        assert await ask(forests, "again") == outputs("again")


def test_the_socket_lies_beside_the_one_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"forests": "file:///tmp/a%20folder/1.sock", "far": "http://127.0.0.1:3000"}
    monkeypatch.setenv(ADDRESSES, json.dumps(known))

    assert socket_of("forests") == Path("/tmp/a folder/1.rows")  # noqa: S108  # no file is made
    assert socket_of("far") is None
    assert socket_of("unknown") is None


def test_without_a_server_there_is_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESSES, raising=False)

    assert socket_of("forests") is None
