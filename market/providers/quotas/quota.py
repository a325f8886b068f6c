"""How many requests a provider still takes, counted together by all processes and across restarts.

The windows roll: 25 a day are never exceeded in any 24 hours, whenever the provider's own day begins.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar, cast

import structlog
from pyrate_limiter import Rate, RateItem
from pyrate_limiter.abstracts import AbstractBucket

from concurrency.circuit_breaker import CircuitBreaker, CircuitOpen
from configuration import quota_window
from market.errors import KeptForQuotes, QuotaSpent, TooFast
from market.providers.quotas.counters import Counters, LocalCounters, MemoryCounters

__all__ = ["DAY_SECONDS", "Counters", "LocalCounters", "MemoryCounters", "Quota", "Usage"]

DAY_SECONDS = 86400
SHORT_WINDOW_SECONDS = 60  # a window up to this is worth waiting for
LONGEST_WAIT_SECONDS = 10.0  # for a place in a short window; then the next provider is asked
COOL_DOWN_SECONDS = 5.0  # before counters that failed are tried again

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


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
        counters: where requests are counted, the first that works; the last one must always work.
        longest_wait: seconds, for a place in a short window.
        now: Unix seconds.
        cool_down: seconds before counters that failed are tried again.
    """

    def __init__(
        self,
        provider: str,
        windows: Sequence[str],
        counters: Sequence[Counters],
        longest_wait: float = LONGEST_WAIT_SECONDS,
        now: Callable[[], float] = time.time,
        *,
        cool_down: float = COOL_DOWN_SECONDS,
    ) -> None:
        self._provider = provider
        self.windows = tuple(windows)
        self._rates = _rates(windows)
        self._limit_today = next((rate.limit for rate in self._rates if rate.interval == DAY_SECONDS * 1000), None)
        if self._rates and self._rates[-1].interval < DAY_SECONDS * 1000:
            self._rates.append(_whole_day(self._rates[-1]))
        self._counters = [(place, CircuitBreaker(cool_down=cool_down)) for place in counters]
        self._longest_wait = longest_wait
        self._now = now
        self._open: dict[int, AbstractBucket] = {}
        self._lock = threading.Lock()

    async def acquire(self) -> None:
        """Wait for a place in the short windows and take it.

        Raises:
            TooFast: the wait for a short window would be too long.
            QuotaSpent: a longer window has no place left.
        """
        deadline = self._now() + self._longest_wait
        while (wait := await asyncio.to_thread(self._take)) > 0:
            until = self._now() + wait
            if until <= deadline:
                await asyncio.sleep(wait)
            elif wait <= SHORT_WINDOW_SECONDS:
                raise TooFast(f"{self._provider}: the queue for its quota is longer than {self._longest_wait:g} s")
            else:
                spent = f"{self._provider}: its quota is spent"
                raise QuotaSpent(spent, datetime.fromtimestamp(until, UTC))

    async def check_kept(self, requests: int) -> None:
        """Check that more than `requests`, or all of a smaller window, are left in each long window.

        Raises:
            KeptForQuotes: they are not.
        """
        for window in self.windows:
            limit, seconds = quota_window(window)
            kept = min(requests, limit - 1)
            if seconds > SHORT_WINDOW_SECONDS and limit - await asyncio.to_thread(self._used, seconds) <= kept:
                raise KeptForQuotes(f"{self._provider}: the last {kept} requests of {window} are kept for quotes")

    async def usage(self) -> Usage:
        """What the last 24 hours took."""
        return Usage(await asyncio.to_thread(self._used, DAY_SECONDS), self._limit_today)

    def close(self) -> None:
        """Close the counters' files."""
        with self._lock:
            for bucket in self._open.values():
                bucket.close()
            self._open.clear()

    def _take(self) -> float:
        """Seconds to wait before asking again; 0 when the request may go."""
        return self._ask(self._put) if self._rates else 0.0

    def _used(self, seconds: int) -> int:
        """Requests of the last `seconds`."""
        return self._ask(lambda bucket: self._count(bucket, seconds)) if self._rates else 0

    def _put(self, bucket: AbstractBucket) -> float:
        moment = int(self._now() * 1000)
        bucket.leak(moment)
        decision = bucket.put_decision(RateItem("request", moment))
        if decision.allowed:  # type: ignore[union-attr]  # never awaitable with synchronous clients
            return 0.0
        return max((decision.retry_after_ms or 1000) / 1000, 0.001)  # type: ignore[union-attr]  # as above

    def _count(self, bucket: AbstractBucket, seconds: int) -> int:
        """Entries of the last `seconds`, found by halving: entries are kept newest first."""
        since = int((self._now() - seconds) * 1000)
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
        """Of the first counters that work; one thread at a time, for a bucket remembers its last decision."""
        with self._lock:
            for index, (place, circuit) in enumerate(self._counters[:-1]):
                try:
                    with circuit.calling(*place.failures()):
                        return question(self._bucket(index, place))
                except CircuitOpen:
                    continue
                except place.failures() as error:
                    self._give_up(index, place, error)
            last = len(self._counters) - 1
            return question(self._bucket(last, self._counters[last][0]))

    def _give_up(self, index: int, place: Counters, error: Exception) -> None:
        if bucket := self._open.pop(index, None):
            with suppress(Exception):  # it failed; whatever it says now does not matter
                bucket.close()
        place.recover(error)
        following = self._counters[index + 1][0].description
        kind = type(error).__name__
        log.warning("quota.unavailable", provider=self._provider, error=kind, counted_instead=following)

    def _bucket(self, index: int, place: Counters) -> AbstractBucket:
        if index not in self._open:
            self._open[index] = place.bucket(self._provider, self._rates)
        return self._open[index]


def _rates(windows: Sequence[str]) -> list[Rate]:
    return sorted(
        (Rate(limit, seconds * 1000) for limit, seconds in map(quota_window, windows)), key=lambda rate: rate.interval
    )


def _whole_day(longest: Rate) -> Rate:
    """A window that never refuses what `longest` admits, so that a day's requests are remembered."""
    day = DAY_SECONDS * 1000
    return Rate(longest.limit * day // longest.interval, day)
