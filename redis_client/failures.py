"""What is done when Redis fails, for everything that uses it: go on without, say so once, try again after a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from concurrency.circuit_breaker import CircuitBreaker, CircuitOpen
from redis_client import trouble

COOL_DOWN_SECONDS = 5.0
# redis-py's names of errors about credentials.
REFUSALS = frozenset({"AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NoPermissionError"})

log = structlog.get_logger(__name__)


class RedisUnavailable(Exception):
    """Redis did not answer, or failed a short while ago and is not asked again yet."""


class RedisFailures:
    """Guards the calls of one user of Redis; each user has its own, for one may wait longer than another.

    Attributes:
        problem: what Redis did at the last failure, for `/health`.

    Args:
        purpose: what Redis is used for, as the log says it.
        at: where it is, as the log says it, without credentials.
        failures: in a row after which Redis is left alone.
        cool_down: seconds for which it is.
        on_failure: called after each call that failed.
        now: seconds of a clock that is never set.
    """

    def __init__(
        self,
        purpose: str,
        at: str = "",
        *,
        failures: int = 1,
        cool_down: float = COOL_DOWN_SECONDS,
        on_failure: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._purpose = purpose
        self._at = at
        self.problem = ""
        self._is_logged = False
        self._on_failure = on_failure
        self._cool_down = cool_down
        self.circuit = CircuitBreaker(cool_down=cool_down, failures=failures, now=now)

    @property
    def is_open(self) -> bool:
        """Whether Redis is left alone now."""
        return self.circuit.state == "open"

    @contextmanager
    def guarding(self, *, even_when_open: bool = False) -> Iterator[None]:
        """Around one call, of a synchronous or an asynchronous client.

        Args:
            even_when_open: make the call though Redis is left alone, to learn whether it answers.

        Raises:
            RedisUnavailable: the call failed, or must not be made yet.
        """
        is_probe = not even_when_open and self._admit()
        try:
            yield
        except trouble() as error:
            self._note(error)
            raise RedisUnavailable(type(error).__name__) from None
        else:
            self.circuit.succeed()
            if self._is_logged:
                self._is_logged = False
                log.info("redis.available", purpose=self._purpose, at=self._at)
        finally:
            if is_probe:
                self.circuit.end_probe()

    def _admit(self) -> bool:
        try:
            return self.circuit.admit()
        except CircuitOpen as error:
            raise RedisUnavailable(str(error)) from None

    def _note(self, error: Exception) -> None:
        was_open = self.is_open
        refused = type(error).__name__ in REFUSALS
        self.problem = "refuses the user or the password of REDIS_URL" if refused else "does not answer"
        self.circuit.fail()
        self._on_failure()
        if self.is_open and not was_open:
            kind = type(error).__name__
            log.warning(
                "redis.unavailable", purpose=self._purpose, at=self._at, error=kind, retry_after=self._cool_down
            )
            self._is_logged = True
