import asyncio
from collections.abc import Sequence

import pytest

from serving.models.forest_client import ForestClient, ForestsUnavailable
from serving.models.onnx_sessions import PROBE, Output, Row

ROW = Row("a folder", b"")
LIMIT = 60.0


class Runner:
    """Forests that answer, fail or are frozen."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Row]] = []
        self.failure: Exception | None = None
        self.thawed = asyncio.Event()
        self.thawed.set()

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Output]:
        self.calls.append(rows)
        await self.thawed.wait()
        if self.failure:
            raise self.failure
        return [Output(b"", "")] * len(rows)


@pytest.fixture
def runner() -> Runner:
    return Runner()


async def test_answers_pass(runner: Runner) -> None:
    client = ForestClient(runner, LIMIT)

    assert await client.predict([ROW, ROW]) == [Output(b"", "")] * 2
    assert await client.answer()
    assert not client.problem


async def test_frozen_forests_cost_one_wait_and_then_none(runner: Runner) -> None:
    client = ForestClient(runner, 0.01)
    runner.thawed.clear()

    for _ in range(3):
        with pytest.raises(ForestsUnavailable, match=r"no answer within 0\.02 s"):
            await client.predict([ROW])

    assert runner.calls == [[ROW]], "asked once"
    assert not await client.answer()


async def test_a_background_probe_finds_that_they_answer_again(runner: Runner) -> None:
    client, back = ForestClient(runner, 0.01), asyncio.Event()

    async def tell() -> None:
        back.set()

    client.on_return(tell)
    runner.failure = ConnectionResetError()
    with pytest.raises(ForestsUnavailable, match="ConnectionResetError"):
        await client.predict([ROW])
    watching = asyncio.create_task(client.watch())
    await asyncio.sleep(0)
    runner.failure = None

    await asyncio.wait_for(back.wait(), LIMIT)
    watching.cancel()

    assert await client.predict([ROW])
    assert all(call == [PROBE] for call in runner.calls[1:-1])


async def test_a_model_that_is_tried_may_take_longer(runner: Runner) -> None:
    client = ForestClient(runner, 0.001)
    runner.thawed.clear()

    trying = asyncio.create_task(client.predict_patiently([ROW], LIMIT))
    await asyncio.sleep(0.05)
    runner.thawed.set()

    assert await trying == [Output(b"", "")]
    assert not client.problem
