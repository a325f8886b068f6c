"""Whether a worker of the queue lives, or why it refuses to."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# Exit status of a worker that no further start helps, for its settings are impossible.
REFUSED = os.EX_CONFIG


class WorkerLock:
    """Held by the one worker of a STOCKS_HOME; the system lets go of it however that worker ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "jobs" / "worker.lock"

    def take(self) -> int | None:
        """Become the worker: the open file's descriptor, to be kept open; None when there is one already.

        Raises:
            OSError: the file system has no locks, or cannot be written.
        """
        descriptor = self._try(fcntl.LOCK_EX)
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
        return descriptor

    def refuse(self, reason: str) -> None:
        """Leave word of why this worker trains nothing, until one is taken for it."""
        with suppress(OSError):
            self._path.write_text(reason, encoding="utf-8")

    def refusal(self) -> str:
        """Why the last worker trained nothing, in one line; empty when it did."""
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def held(self) -> bool:
        """Whether a worker lives; a lock that cannot be tried is held by none."""
        try:
            descriptor = self._try(fcntl.LOCK_SH)
        except OSError as error:
            log.warning("worker_lock.unavailable", file=str(self._path), problem=error.strerror)
            return False
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def _try(self, kind: int) -> int | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
