"""Which process has the streams: one of this machine by a file lock, and of those one by a lock in Redis."""

import socket
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from filelock import FileLock, Timeout

from concurrency.atomic_file import replace_file
from configuration import scratch
from redis_client import place_of
from redis_client.failures import RedisFailures, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis
    from redis.lock import Lock

EXPIRY_SECONDS = 2.5  # of the lock in Redis, after the last word of its holder

log = structlog.get_logger(__name__)


class SharedLock(Protocol):
    """A lock that machines share."""

    def hold(self) -> bool:
        """Take or renew it; whether it is held. Held too where it cannot be asked for."""

    def release(self) -> None:
        """Give it back."""


class Ownership:
    """The locks of one process.

    The system lets go of a file lock however its process ends, so another process of the machine, which tries twice a
    second, has the streams at once; Redis lets go of its own after 2.5 seconds, so that one of another machine has them
    within five.

    Args:
        path: of the lock file; in memory where that cannot be written.
        shared: of several machines.
    """

    def __init__(self, path: Path, shared: SharedLock | None = None) -> None:
        self._file = _lock(path)
        self._shared = shared

    def hold(self) -> bool:
        """Become or stay the owner; whether this process is."""
        if not self._file.is_locked and not self._try():
            return False
        return self._shared is None or self._shared.hold()

    def release(self) -> None:
        """Let another process have it at once."""
        if self._file.is_locked:
            if self._shared is not None:
                self._shared.release()
            self._file.release()

    def _try(self) -> bool:
        try:
            self._file.acquire(blocking=False)
        except (Timeout, OSError):
            return False
        return True


class RedisLock:
    """The lock in Redis. While Redis is away each machine has streams of its own, as far as providers allow it.

    Args:
        machine: file that tells machines apart. The lock belongs to the machine, of which one process alone, the one
            with the file lock, asks for it; so what a process held that was killed is its successor's at once.
    """

    def __init__(self, redis: "Redis", name: str, machine: Path) -> None:
        self._redis = redis
        self._name = name
        self._machine = machine
        self._token = ""
        self._known: Lock | None = None
        self._failures = RedisFailures("streams", place_of(redis))

    def hold(self) -> bool:
        """Take or renew it."""
        try:
            with self._failures.guarding():
                return (
                    self._lock.reacquire() if self._is_held() else self._lock.acquire(blocking=False, token=self._token)
                )
        except RedisUnavailable:
            return True

    def release(self) -> None:
        """Give it back, if it is held."""
        with suppress(RedisUnavailable), self._failures.guarding():
            if self._is_held():
                self._lock.release()

    @property
    def _lock(self) -> "Lock":
        if self._known is None:
            self._known = self._redis.lock(self._name, timeout=EXPIRY_SECONDS, thread_local=False)
            self._token = _name_of(self._machine)
            self._known.local.token = self._token.encode()
        return self._known

    def _is_held(self) -> bool:
        return self._lock.local.token is not None and self._lock.owned()


def _name_of(machine: Path) -> str:
    """The name that is in the file, with that of the host, for hosts may share a folder; a new one where none is."""
    name = uuid.uuid4().hex
    with suppress(OSError):
        if machine.exists():
            name = machine.read_text(encoding="ascii", errors="replace")
        else:
            with replace_file(machine, durable=False) as file:
                file.write(name.encode())
    return f"{socket.gethostname()}:{name}"


def _lock(path: Path) -> FileLock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        log.warning("stream.lock_moved", file=str(path), reason=error.strerror)
        path = scratch() / path.name
    return FileLock(path, thread_local=False)
