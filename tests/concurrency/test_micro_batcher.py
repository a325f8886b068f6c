import asyncio
from collections.abc import Sequence

import pytest

from concurrency.micro_batcher import LARGEST_CALL, QUIET_TURNS, MicroBatcher
from serving.models.onnx_sessions import Output, Row
from tests.patience import PATIENT


class Runner:
    """Answers each row with its own number, when it is let."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.called, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.failures = 0

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Output]:
        self.calls.append(len(rows))
        self.called.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the runner is gone")
        return [Output(row.folder.encode(), "") for row in rows]


def row(number: int) -> Row:
    return Row(str(number), b"")


async def test_a_lone_row_is_answered() -> None:
    answer = await MicroBatcher(Runner()).ask(row(7))

    assert answer.values == b"7"


async def test_rows_that_arrive_during_a_call_travel_together_in_the_next() -> None:
    runner = Runner()
    runner.gate.clear()
    gathering = MicroBatcher(runner)
    waiting = [asyncio.create_task(gathering.ask(row(number))) for number in range(50)]
    await runner.called.wait()
    waiting += [asyncio.create_task(gathering.ask(row(number))) for number in range(50, 100)]
    await asyncio.sleep(0)
    runner.gate.set()

    answers = await asyncio.gather(*waiting)

    assert [int(answer.values) for answer in answers] == list(range(100))
    assert len(runner.calls) == 2


async def test_requests_that_the_process_has_already_received_travel_along() -> None:
    runner = Runner()
    gathering = MicroBatcher(runner)

    async def received_later(number: int, turns: int) -> Output:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await gathering.ask(row(number))

    await asyncio.gather(*(received_later(number, number * (QUIET_TURNS - 1)) for number in range(5)))

    assert runner.calls == [5]


async def test_a_call_carries_no_more_than_the_largest() -> None:
    runner = Runner()
    gathering = MicroBatcher(runner)

    await asyncio.gather(*(gathering.ask(row(number)) for number in range(LARGEST_CALL + 1)))

    assert max(runner.calls) == LARGEST_CALL


async def test_a_failed_call_fails_its_own_rows_alone() -> None:
    runner = Runner()
    runner.failures = 1
    gathering = MicroBatcher(runner)

    with pytest.raises(ConnectionError, match="the runner is gone"):
        await gathering.ask(row(1))

    assert (await gathering.ask(row(2))).values == b"2"


async def test_too_few_answers_are_never_given_to_the_wrong_rows() -> None:
    async def short(rows: Sequence[Row]) -> Sequence[Output]:
        return [Output(b"", "")] * (len(rows) - 1)

    with pytest.raises(RuntimeError, match="1 rows were sent, 0 answers came back"):
        await MicroBatcher(short).ask(row(1))


async def test_who_stops_waiting_disturbs_nobody() -> None:
    runner = Runner()
    runner.gate.clear()
    gathering = MicroBatcher(runner)
    impatient = asyncio.create_task(gathering.ask(row(1)))
    patient = asyncio.create_task(gathering.ask(row(2)))
    await runner.called.wait()
    impatient.cancel()
    runner.gate.set()

    assert (await patient).values == b"2"


async def test_an_observer_that_fails_fails_its_call_and_no_later_one() -> None:
    failures = [RuntimeError("a bug of the observer")]

    def observe(_size: int, _waited: float) -> None:
        if failures:
            raise failures.pop()

    async def echo(questions: Sequence[int]) -> Sequence[int]:
        return questions

    batcher = MicroBatcher[int, int](echo, observe)
    with pytest.raises(RuntimeError, match="a bug of the observer"):
        await asyncio.wait_for(batcher.ask(1), PATIENT)

    assert await asyncio.wait_for(batcher.ask(2), PATIENT) == 2
