"""How many requests a provider still takes, counted together by all processes and across restarts.

The windows roll: 25 a day are never exceeded in any 24 hours, whenever the provider's own day begins.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar, cast

from pyrate_limiter import Rate, RateItem, SQLiteBucket
from pyrate_limiter.abstracts import AbstractBucket

from configuration import quota_window
from market.errors import QuotaSpent, TooFast
from redis_client import trouble

DAY = 86400
PATIENCE = 10.0  # seconds to wait for a place in a short window, rather than ask the next provider
REDIS_COOL_DOWN = 5.0

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Buckets(Protocol):
    """Where the requests of one provider are counted."""

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """The provider's counter, opened where it does not exist yet; may raise `redis_client.trouble()`."""


@dataclass(frozen=True, slots=True)
class LocalBuckets:
    """Counters in one SQLite file for all processes of this machine."""

    home: Path

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """One table for each provider."""
        path = self.home / "quota" / "quota.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock spans count and insert, which two processes must not interleave.
        return SQLiteBucket.init_from_file(rates, table=provider, db_path=str(path), use_file_lock=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests of the last 24 hours and how many there may be; None without such a limit."""

    used_today: int
    limit_today: int | None


class Quota:
    """The windows of one provider; a request is counted when it is let through.

    Args:
        provider: its name.
        windows: such as `25/day`; none for no limit.
        places: where it is counted, the first that can be reached; with Redis gone, on this machine until it is back.
        patience: seconds to wait for a place in a short window.
        now: Unix seconds.
        cool_down: seconds before a place that failed is tried again.
    """

    def __init__(
        self,
        provider: str,
        windows: Sequence[str],
        places: Sequence[Buckets],
        patience: float = PATIENCE,
        now: Callable[[], float] = time.time,
        *,
        cool_down: float = REDIS_COOL_DOWN,
    ) -> None:
        self._provider = provider
        self.windows = tuple(windows)
        self._rates = _rates(windows)
        self._limit_today = next((rate.limit for rate in self._rates if rate.interval == DAY * 1000), None)
        if self._rates and self._rates[-1].interval < DAY * 1000:
            self._rates.append(_whole_day(self._rates[-1]))
        self._places = places
        self._patience = patience
        self._now = now
        self._cool_down = cool_down
        self._open: dict[int, AbstractBucket] = {}
        self._skip_until: dict[int, float] = {}
        self._lock = threading.Lock()

    async def acquire(self) -> None:
        """Wait for a place in the short windows and take it.

        Raises:
            TooFast: the wait for a window of at most a minute would be too long.
            QuotaSpent: a longer window has no place left.
        """
        deadline = self._now() + self._patience
        while (wait := await asyncio.to_thread(self._take)) > 0:
            until = self._now() + wait
            if until <= deadline:
                await asyncio.sleep(wait)
            elif wait <= 60:  # noqa: PLR2004  # seconds
                raise TooFast(f"{self._provider}: the queue for its quota is longer than {self._patience:g} s")
            else:
                spent = f"{self._provider}: its quota is spent"
                raise QuotaSpent(spent, datetime.fromtimestamp(until, UTC))

    async def usage(self) -> Usage:
        """What the last 24 hours took."""
        return Usage(await asyncio.to_thread(self._used), self._limit_today)

    def close(self) -> None:
        """Close the counters' files."""
        with self._lock:
            for bucket in self._open.values():
                bucket.close()
            self._open.clear()

    def _take(self) -> float:
        """Seconds to wait before asking again; 0 when the request may go."""
        return self._ask(self._put) if self._rates else 0.0

    def _used(self) -> int:
        return self._ask(self._count) if self._rates else 0

    def _put(self, bucket: AbstractBucket) -> float:
        moment = int(self._now() * 1000)
        bucket.leak(moment)
        decision = bucket.put_decision(RateItem("request", moment))
        if decision.allowed:  # type: ignore[union-attr]  # never awaitable with synchronous clients
            return 0.0
        return max((decision.retry_after_ms or 1000) / 1000, 0.001)  # type: ignore[union-attr]  # as above

    def _count(self, bucket: AbstractBucket) -> int:
        """Entries of the last 24 hours, found by halving: entries are kept newest first."""
        since = int((self._now() - DAY) * 1000)
        low, high = 0, cast("int", bucket.count())
        while low < high:
            middle = (low + high) // 2
            item = cast("RateItem | None", bucket.peek(middle))
            if item is not None and item.timestamp >= since:
                low = middle + 1
            else:
                high = middle
        return low

    def _ask(self, question: Callable[[AbstractBucket], Answer]) -> Answer:
        """Of the first place that works; one thread at a time, for a bucket remembers its last decision."""
        with self._lock:
            return self._first(question)

    def _first(self, question: Callable[[AbstractBucket], Answer]) -> Answer:
        for index, place in enumerate(self._places[:-1]):
            if self._skip_until.get(index, 0.0) > time.monotonic():
                continue
            try:
                return question(self._bucket(index, place))
            except (sqlite3.Error, *trouble()) as error:  # type: ignore[misc]  # a tuple of unknown length
                self._open.pop(index, None)
                self._skip_until[index] = time.monotonic() + self._cool_down
                log.warning("%s: its quota is counted on this machine alone: %s", self._provider, type(error).__name__)
        return question(self._bucket(len(self._places) - 1, self._places[-1]))

    def _bucket(self, index: int, place: Buckets) -> AbstractBucket:
        if index not in self._open:
            self._open[index] = place.bucket(self._provider, self._rates)
        return self._open[index]


def _rates(windows: Sequence[str]) -> list[Rate]:
    return sorted(
        (Rate(limit, seconds * 1000) for limit, seconds in map(quota_window, windows)), key=lambda rate: rate.interval
    )


def _whole_day(longest: Rate) -> Rate:
    """A window that never refuses what `longest` admits, so that a day's requests are remembered."""
    return Rate(longest.limit * (DAY * 1000) // longest.interval, DAY * 1000)
