"""Long work of a thread that leaves the interpreter to the others again and again."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Items between two rests: a fraction of a millisecond, for which another thread waits at most.
PART = 32
# Share of the time that the work may take.
SHARE = 0.1


def unhurried(items: Iterable[Item], share: float = SHARE) -> Iterator[Item]:
    """Hand out `items`, and rest after each PART of them for so long that the work takes `share` of a processor.

    A thread that computes keeps the interpreter for milliseconds at a time, which every request of that moment would
    wait for. Only the processor's time counts as work, not a wait for the disk.
    """
    began = time.thread_time()
    for count, item in enumerate(items, 1):
        yield item
        if count % PART == 0:
            time.sleep((time.thread_time() - began) * (1 / share - 1))
            began = time.thread_time()
