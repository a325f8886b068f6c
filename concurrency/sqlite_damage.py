"""A damaged SQLite file is moved out of the way, by one of the processes that find it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
LOGS = ("-wal", "-shm", "-journal")
LOCK_SECONDS = 60.0  # for another process that looks through the same file
BUSY_SECONDS = 1.0
TRIES = 10  # to be alone with the file


def is_damage(error: Exception) -> bool:
    """Whether `error` says that a file holds what no database does."""
    # The low byte; the others tell which kind of damage.
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def set_aside(path: Path, mark: str = "unreadable") -> Path | None:
    """Move the file at `path`, with its logs, to another name if it is damaged; who opens it next makes it anew.

    Args:
        mark: stands in the new name, before the time.

    Returns:
        The new name; None where the file is whole, as when another process has moved the damaged one before.

    Raises:
        OSError: it cannot be moved; a `Timeout` of filelock is one.
    """
    with FileLock(path.with_name(f"{path.stem}.repair.lock"), timeout=LOCK_SECONDS):
        if not path.exists() or not _is_damaged(path):
            return None
        aside = path.with_suffix(f".{mark}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
        with ExitStack() as stack:
            # Where that fails the header is damaged too, or somebody reads for long, who then goes on with the old one.
            with suppress(sqlite3.Error):
                stack.enter_context(_alone(path))
            for log in LOGS:
                with suppress(FileNotFoundError):
                    path.with_name(path.name + log).replace(aside.with_name(aside.name + log))
            path.replace(aside)
        return aside


def _is_damaged(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return is_damage(error)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While nobody else has the file open to read or write; what its log holds is in it."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        for attempt in range(TRIES):
            try:
                connection.execute("PRAGMA journal_mode=DELETE")
                break
            except sqlite3.OperationalError:
                if attempt == TRIES - 1:
                    raise
                time.sleep(BUSY_SECONDS / TRIES)
        connection.execute("BEGIN EXCLUSIVE")
        yield
