"""What is handed to an engine, and what comes back of it, in one order."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from training.execution.decision import Call
from training.execution.outcome import Outcome

Result = TypeVar("Result")


class Feed:
    """Calls for an engine that are made while it works, and between them what has failed before it came to a call."""

    def __init__(self, items: Iterable[Call | Outcome]) -> None:
        self._items = iter(items)
        self._begun: deque[Call | Outcome] = deque()

    def calls(self) -> Iterator[Call]:
        """What the engine is to do."""
        for item in self._items:
            self._begun.append(item)
            if not isinstance(item, Outcome):
                yield item

    def ended(self, results: Iterable[Result]) -> Iterator[Outcome | tuple[Call, Result]]:
        """Each call with its result, and each failure in its place.

        Args:
            results: of `calls`, in their order.
        """
        for result in results:
            while isinstance(item := self._begun.popleft(), Outcome):
                yield item
            yield item, result
        yield from (item for item in self._begun if isinstance(item, Outcome))
