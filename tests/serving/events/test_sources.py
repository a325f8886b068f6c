import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serving.contract.schemas import Health, Retrained, RetrainStep
from serving.events import sources
from serving.events.board import EventBoard, Subscription
from serving.events.places import StreamPlaces
from serving.events.sources import EventSources
from tests.patience import PATIENT


class Queue:
    """Trainings that a test changes."""

    def __init__(self) -> None:
        self.jobs: list[Retrained] = []
        self.changes = 1

    def put(self, status: Any) -> None:
        step = RetrainStep(horizon=1, status=status, reason=None)
        job = {"ticker": "AAPL", "job_id": "j1", "status": status, "reason": None, "queued_at": 1.0}
        self.jobs = [Retrained.model_validate(job | {"started_at": None, "finished_at": None, "steps": [step]})]
        self.changes += 1

    def recent(self, limit: int) -> Sequence[Retrained]:
        return self.jobs[:limit]

    def changed_at(self) -> int:
        return self.changes


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LOOK_EVERY_SECONDS", 0.01)


@asynccontextmanager
async def following(board: EventBoard, queue: Queue, states: list[Health | Exception]) -> AsyncIterator[Subscription]:
    """The sources at work, with a health that is the first of `states`."""

    async def health() -> Health:
        if isinstance(states[0], Exception):
            raise states[0]
        return states[0]

    work = asyncio.create_task(EventSources(board).follow(health, queue))
    try:
        yield board.subscribe()
    finally:
        work.cancel()


async def next_of(subscription: Subscription) -> tuple[str, Any]:
    event = await asyncio.wait_for(subscription.get(), PATIENT)
    return event.name, json.loads(event.data)


def healthy(**fields: Any) -> Health:
    return Health.model_validate({"status": "healthy", "prices": "real", "reasons": []} | fields)


async def test_a_job_is_told_each_time_it_moves_on_and_only_then() -> None:
    queue = Queue()
    queue.put("queued")

    async with following(EventBoard(StreamPlaces(1)), queue, [healthy()]) as subscription:
        assert {(await next_of(subscription))[0] for _ in range(2)} == {"health", "job"}
        queue.changes += 1  # the file was touched, the job did not change
        await asyncio.sleep(0.05)
        assert len(subscription) == 0
        queue.put("running")
        name, job = await next_of(subscription)

    assert (name, job["job_id"], job["status"]) == ("job", "j1", "running")


async def test_health_is_told_when_it_changes() -> None:
    states: list[Health | Exception] = [healthy()]

    async with following(EventBoard(StreamPlaces(1)), Queue(), states) as subscription:
        assert (await next_of(subscription))[1]["status"] == "healthy"
        states[0] = healthy(status="degraded", reasons=["Redis is away"])
        assert (await next_of(subscription))[1]["reasons"] == ["Redis is away"]


async def test_a_failing_look_ends_nothing() -> None:
    states: list[Health | Exception] = [RuntimeError("no")]

    async with following(EventBoard(StreamPlaces(1)), Queue(), states) as subscription:
        await asyncio.sleep(0.1)
        states[0] = healthy()
        assert (await next_of(subscription))[0] == "health"


async def test_predictions_and_swaps_are_told_to_those_who_follow(parts: Any) -> None:
    board = EventBoard(StreamPlaces(1))
    source, subscription = EventSources(board), board.subscribe()
    prediction = (await parts.predictor.answer("AAPL", 1)).answer.prediction

    source.predicted(prediction)
    source.swapped("AAPL", 5)

    assert (await next_of(subscription)) == ("prediction", json.loads(prediction.model_dump_json()))
    assert (await next_of(subscription)) == ("model", {"ticker": "AAPL", "horizon": 5})
