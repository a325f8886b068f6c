"""What is done when Redis fails, for everything that uses it: go on without, say so once, try again after a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from concurrency.circuit_breaker import CircuitBreaker, CircuitOpen
from redis_client import trouble

COOL_DOWN_SECONDS = 5.0

log = structlog.get_logger(__name__)


class RedisUnavailable(Exception):
    """Redis did not answer, or failed a short while ago and is not asked again yet."""


class RedisFailures:
    """Guards the calls of one user of Redis; each user has its own, for one may wait longer than another.

    Args:
        purpose: what Redis is used for, as the log says it.
        failures: in a row after which Redis is left alone.
        cool_down: seconds for which it is.
        now: seconds of a clock that is never set.
    """

    def __init__(
        self,
        purpose: str,
        *,
        failures: int = 1,
        cool_down: float = COOL_DOWN_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._purpose = purpose
        self._cool_down = cool_down
        self.circuit = CircuitBreaker(cool_down=cool_down, failures=failures, now=now)

    @property
    def is_open(self) -> bool:
        """Whether Redis is left alone now."""
        return self.circuit.state == "open"

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Around one call, of a synchronous or an asynchronous client.

        Raises:
            RedisUnavailable: the call failed, or must not be made yet.
        """
        try:
            with self.circuit.calling(*trouble()):
                yield
        except CircuitOpen as error:
            raise RedisUnavailable(str(error)) from None
        except trouble() as error:
            if self.is_open:
                kind = type(error).__name__
                log.warning("redis.unavailable", purpose=self._purpose, error=kind, retry_after=self._cool_down)
            raise RedisUnavailable(type(error).__name__) from None
