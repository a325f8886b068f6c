"""Many small questions as few large calls."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from time import perf_counter
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")

LARGEST_CALL = 256
# Turns of the loop from bytes of a request to its question: one writes answers, one reads requests, one begins them.
QUIET_TURNS = 3


class MicroBatcher(Generic[Question, Answer]):
    """Questions that arrive while a call is in flight wait, and travel together in the next one.

    A call costs about the same whatever it carries, so this multiplies the throughput and adds no wait to a lone
    question.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]],
        observe: Callable[[int, float], None] | None = None,
    ) -> None:
        """Gather for `call`.

        Args:
            call: answers questions in their order; an exception is the answer to its question alone.
            observe: called with each call's size and the seconds that its first question waited.
        """
        self._call = call
        self._observe = observe
        self._waiting: list[tuple[Question, asyncio.Future[Answer], float]] = []
        self._sender: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to one question.

        Raises:
            Exception: what the call gave as its answer, or raised.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future, perf_counter()))
        if self._sender is None:
            # In no request's context: it goes on with the questions of others.
            self._sender = asyncio.create_task(self._send(), context=Context())
        return await future

    async def _send(self) -> None:
        while self._waiting:
            await self._gather()
            carried, self._waiting = self._waiting[:LARGEST_CALL], self._waiting[LARGEST_CALL:]
            futures = [future for _, future, _ in carried]
            try:
                if self._observe is not None:
                    self._observe(len(carried), perf_counter() - carried[0][2])
                answers = await self._ask([question for question, _, _ in carried])
            except Exception as error:  # noqa: BLE001  # it is handed to everyone who waits
                _settle(futures, [error] * len(carried))
                continue
            _settle(futures, answers)
        self._sender = None

    async def _gather(self) -> None:
        """Let what the process has received already become questions, as long as more of it does."""
        quiet = 0
        while quiet < QUIET_TURNS and len(self._waiting) < LARGEST_CALL:
            known = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == known else 0

    async def _ask(self, questions: Sequence[Question]) -> Sequence[Answer | Exception]:
        answers = await self._call(questions)
        if len(answers) != len(questions):
            raise RuntimeError(f"{len(questions)} rows were sent, {len(answers)} answers came back")
        return answers


def _settle(futures: Sequence["asyncio.Future[Answer]"], outcomes: Sequence[Answer | Exception]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
