"""Work that the processes of one machine do one after the other, by key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from filelock import AsyncFileLock, Timeout

log = structlog.get_logger(__name__)


class ProcessTurns:
    """Lock files in one directory, each held by one process at a time and released when it ends.

    A turn is a help, not a condition: where it cannot be had in time, or no file can be written, work begins all the
    same.

    Args:
        directory: of the lock files; made when it is missing.
        timeout: seconds to wait for a turn.
    """

    def __init__(self, directory: Path, timeout: float) -> None:
        self._directory = directory
        self._timeout = timeout

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Around work on `key`, a name that a file may have."""
        lock = await self._acquired(key)
        try:
            yield
        finally:
            if lock is not None:
                await lock.release()

    async def _acquired(self, key: str) -> AsyncFileLock | None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            lock = AsyncFileLock(self._directory / f"{key}.lock", timeout=self._timeout)
            await lock.acquire()
        except (OSError, Timeout) as error:
            log.info("turn.skipped", key=key, error=type(error).__name__)
            return None
        return lock
