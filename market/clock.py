"""The two clocks of the market: the time of day, and one that measures lives."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """Both clocks, as parameters so that tests move them.

    Attributes:
        now: Unix seconds; may be set forwards and backwards.
        elapsed: seconds of a clock that only goes forwards, from any start.
    """

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic

    @property
    def moment(self) -> datetime:
        """The present moment, UTC."""
        return datetime.fromtimestamp(self.now(), UTC)
