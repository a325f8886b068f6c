"""The folder of one running service: its control sockets and the files that its processes count in.

It lies in memory where the system offers that, so neither a full nor a read-only disk stops the counting. Only the
service's user may enter it. The supervisor makes it, holds a lock on it while it lives, and removes it at its end; what
a killed supervisor left behind is removed by the next one.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

PREFIX = "stocks-service-"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # each folder in it is made with a random name, for its owner alone


@cache
def runtime_folder() -> Path:
    """The folder of the service that this process supervises, made at the first call.

    Raises:
        OSError: there is no place for it.
    """
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    remove_stale(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        if (lock := _lock(folder)) is not None:
            atexit.register(_remove, folder, os.getpid(), lock)
            return folder


def metrics_folder() -> str:
    """Where the processes of this service count, for Prometheus; made when it is not there."""
    folder = runtime_folder() / "metrics"
    folder.mkdir(exist_ok=True)
    return str(folder)


def remove_stale(parent: Path) -> None:
    """Remove the folders in `parent` whose service has ended."""
    for folder in parent.glob(f"{PREFIX}*"):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Hold the folder's lock by the descriptor; None when another holds it, or the folder is gone or not ours."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid() and folder.exists():
            return descriptor
    os.close(descriptor)
    return None


def _remove(folder: Path, owner: int, lock: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
