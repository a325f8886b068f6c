"""Where the requests to a provider are counted: on this machine, and as the last resort in memory.

Counting in Redis is apart, in `market.providers.quotas.redis_quota`, which is imported only where Redis is configured.
"""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from pyrate_limiter import InMemoryBucket, Rate, SQLiteBucket
from pyrate_limiter.abstracts import AbstractBucket

from concurrency.sqlite_damage import is_damage, set_aside

SPARING = 4  # divisor of each window while every process counts for itself

log = structlog.get_logger(__name__)


class Counters(Protocol):
    """One place where requests are counted."""

    @property
    def description(self) -> str:
        """The place, as the log names it."""

    def failures(self) -> tuple[type[Exception], ...]:
        """What its use may raise while the place is away."""

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """The provider's counter, opened where it does not exist yet."""

    def recover(self, error: Exception) -> None:
        """Do what helps against `error` before the place is tried again."""


@dataclass(frozen=True, slots=True)
class LocalCounters:
    """Counters in one SQLite file for all processes of this machine."""

    home: Path
    description = "on this machine alone"

    @staticmethod
    def failures() -> tuple[type[Exception], ...]:
        """Errors of SQLite and of the disk."""
        return sqlite3.Error, OSError

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """One table for each provider."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The lock spans count and insert, which two processes must not interleave.
        return SQLiteBucket.init_from_file(rates, table=provider, db_path=str(self._path), use_file_lock=True)

    def recover(self, error: Exception) -> None:
        """Set a damaged file aside, so that the next try begins a new one."""
        if is_damage(error):
            with suppress(OSError):
                if (aside := set_aside(self._path)) is not None:
                    log.error("quota.set_aside", file=str(self._path), set_aside_as=str(aside), reason=str(error))

    @property
    def _path(self) -> Path:
        return self.home / "quota" / "quota.sqlite"


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Counters of this process alone, for a fraction of each window: other processes may count apart, too."""

    description = "sparingly, in this process alone"

    @staticmethod
    def failures() -> tuple[type[Exception], ...]:
        """None: memory is always there."""
        return ()

    @staticmethod
    def bucket(provider: str, rates: list[Rate]) -> AbstractBucket:  # noqa: ARG004  # one process, one quota
        """A counter that is gone with the process."""
        return InMemoryBucket(_sparing(rates))

    def recover(self, error: Exception) -> None:
        """Do nothing."""


def _sparing(rates: list[Rate]) -> list[Rate]:
    """A fraction of each window, at least one request; without windows that a longer one makes idle."""
    fewer = [Rate(max(int(rate.limit) // SPARING, 1), rate.interval) for rate in rates]
    return [rate for index, rate in enumerate(fewer) if all(rate.limit < longer.limit for longer in fewer[index + 1 :])]
