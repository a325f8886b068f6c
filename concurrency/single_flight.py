"""One piece of work for all who ask for the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Work under way, by key. A caller that gives up does not stop it for the others."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Future[Result]] = {}

    def has_begun(self, key: str) -> bool:
        """Whether work for `key` is under way, which may have begun before what the caller knows."""
        return key in self._under_way

    async def join(self, key: str, start: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the work under way for `key`, started now when there is none."""
        flight = self._under_way.get(key)
        if flight is None or flight.get_loop() is not asyncio.get_running_loop():
            flight = asyncio.ensure_future(start())
            self._under_way[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return await asyncio.shield(flight)

    def _land(self, key: str, done: "asyncio.Future[Result]") -> None:
        if self._under_way.get(key) is done:
            del self._under_way[key]
        if not done.cancelled():
            done.exception()  # seen, also when every caller has given up
