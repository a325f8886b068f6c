"""Whether a worker of the queue lives."""

import fcntl
import os
from pathlib import Path


class WorkerLock:
    """Held by the one worker of a STOCKS_HOME; the system lets go of it however that worker ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "jobs" / "worker.lock"
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def take(self) -> int | None:
        """Become the worker: the open file's descriptor, to be kept open; None when there is one already."""
        return self._try(fcntl.LOCK_EX)

    def held(self) -> bool:
        """Whether a worker lives."""
        descriptor = self._try(fcntl.LOCK_SH)
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def _try(self, kind: int) -> int | None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor
