"""Wait for the list of trainings, with growing pauses."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog

from training_queue.database import QueueUnavailable

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# Seconds.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


def pauses() -> Iterator[float]:
    """Seconds of one pause after another: each twice as long as the one before, up to the longest."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def when_possible(use: Callable[[], Result]) -> Result:
    """What a use of the list of trainings gives, as soon as its file can be read and written."""
    problem = ""
    for pause in pauses():
        try:
            result = use()
        except QueueUnavailable as error:
            if not problem:
                log.error("queue.unavailable", problem=str(error))  # noqa: TRY400  # the reason is all there is to say
            problem = str(error)
            time.sleep(pause)
        else:
            break
    if problem:
        log.info("queue.available")
    return result
