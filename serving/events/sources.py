"""Where events come from: predictions and models as they change, trainings and health by looking."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from pydantic import BaseModel
from pydantic_core import to_json

from serving.contract.predictions import Prediction
from serving.contract.schemas import Health, Retrained
from serving.events.board import Event, EventBoard
from training_queue.database import QueueUnavailable

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 1.0
# Health asks Redis and the forests, so it is looked at less often.
HEALTH_EVERY_LOOKS = 5
JOBS = 20


class Trainings(Protocol):
    """The queue of trainings."""

    def recent(self, limit: int) -> Sequence[Retrained]:
        """The last trainings, the newest first; reads a file."""

    def changed_at(self) -> int:
        """Changes whenever a training has moved on."""


class EventSources:
    """Turns what happens into events, and looks for what nobody tells."""

    def __init__(self, board: EventBoard) -> None:
        """Publish on `board`."""
        self._board = board
        self._last: dict[tuple[str, str], str] = {}

    def predicted(self, prediction: Prediction) -> None:
        """A prediction was computed."""
        if self._board.has_subscribers:
            key = f"{prediction.ticker}:{prediction.prediction.horizon}"
            self._board.publish(Event("prediction", key, prediction.model_dump_json()))

    def swapped(self, ticker: str, horizon: int) -> None:
        """A model has taken over."""
        data = to_json({"ticker": ticker, "horizon": horizon}).decode()
        self._board.publish(Event("model", f"{ticker}:{horizon}", data))

    async def follow(self, health: Callable[[], Awaitable[Health]], trainings: Trainings) -> None:
        """Look at trainings and health while anybody is there to be told, until cancelled."""
        looks, jobs_seen = 0, 0
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            if not self._board.has_subscribers:
                looks, jobs_seen = 0, 0
                self._last.clear()
                continue
            if looks % HEALTH_EVERY_LOOKS == 0:
                await self._tell_health(health)
            looks += 1
            if jobs_seen != (jobs_seen := trainings.changed_at()):
                await self._tell_jobs(trainings)

    async def _tell_health(self, health: Callable[[], Awaitable[Health]]) -> None:
        try:
            self._tell_change("health", "", await health())
        except Exception:
            log.exception("events.failed", source="health")

    async def _tell_jobs(self, trainings: Trainings) -> None:
        try:
            jobs = await asyncio.to_thread(trainings.recent, JOBS)
        except QueueUnavailable as error:
            log.warning("events.failed", source="jobs", problem=str(error))
            return
        for job in reversed(jobs):
            self._tell_change("job", job.job_id, job)

    def _tell_change(self, name: str, key: str, body: BaseModel) -> None:
        data = body.model_dump_json()
        if self._last.get((name, key)) != data:
            self._last[name, key] = data
            self._board.publish(Event(name, key, data))
