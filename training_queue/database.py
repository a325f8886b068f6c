"""The SQLite file of the queue: made when it is missing, migrated when it is old, set aside when it is damaged."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import structlog

from concurrency.sqlite_damage import is_damage, set_aside
from concurrency.sqlite_schema import changed_at

log = structlog.get_logger(__name__)

BUSY_SECONDS = 5.0

# Each brings the file from one version to the next; `PRAGMA user_version` says how many were applied. A file from
# before there were versions says 0 and has the first form.
MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS steps (
        step_id INTEGER PRIMARY KEY, job_id TEXT NOT NULL, ticker TEXT NOT NULL, horizon INTEGER NOT NULL,
        priority INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT, queued_at REAL NOT NULL, started_at REAL,
        finished_at REAL
    );
    CREATE UNIQUE INDEX IF NOT EXISTS open_steps ON steps (ticker, horizon) WHERE status IN ('queued', 'running');
    CREATE INDEX IF NOT EXISTS steps_of_job ON steps (job_id);
    CREATE TABLE IF NOT EXISTS results (
        ticker TEXT NOT NULL, horizon INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
        ended_at REAL NOT NULL, PRIMARY KEY (ticker, horizon)
    );
    """,
    """
    ALTER TABLE steps ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE publications (
        ticker TEXT NOT NULL, horizon INTEGER NOT NULL, begun_at REAL NOT NULL, PRIMARY KEY (ticker, horizon)
    );
    """,
    """
    ALTER TABLE publications ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE publications ADD COLUMN not_before REAL NOT NULL DEFAULT 0;
    """,
    "ALTER TABLE publications ADD COLUMN version INTEGER;",
)


class QueueUnavailable(Exception):
    """The queue cannot be read or written now; the text is one line that names its file and the reason."""


class QueueDatabase:
    """One SQLite file that any number of processes share; each transaction has a connection of its own."""

    def __init__(self, home: Path) -> None:
        """Use `home/jobs/jobs.sqlite`, which is made at the first transaction."""
        self._path = home / "jobs" / "jobs.sqlite"
        self._is_current = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept together when the block ends without an exception.

        Raises:
            QueueUnavailable: the disk is full or read-only, another process keeps the file locked, or it was damaged
                and has been set aside, so that the next transaction finds a new one.
        """
        try:
            self._make_current()
            with self._connection() as connection:
                yield connection
        except OSError as error:
            raise QueueUnavailable(f"{self._path}: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            self._is_current = False
            if is_damage(error):
                self._set_aside(error)
            raise QueueUnavailable(f"{self._path}: {error}") from error

    def changed_at(self) -> int:
        """When anything was written last, in nanoseconds of the file's clock; costs no look into the file."""
        return changed_at(self._path)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection, connection:
            yield connection

    def _make_current(self) -> None:
        if self._is_current and self._path.exists():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._set_aside(error)
            self._migrate()
        self._is_current = True

    def _migrate(self) -> None:
        if self._version() == len(MIGRATIONS):
            return
        with _locked(self._path.parent / "migration.lock"), self._connection() as connection:
            version = self._version()
            if version > len(MIGRATIONS):
                raise sqlite3.OperationalError(f"made by a newer release (version {version}); update this one")
            # No write-ahead log: whoever closes one last waits for the disk, and readers look every second.
            connection.execute("PRAGMA journal_mode=DELETE")
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")

    def _version(self) -> int:
        with self._connection() as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Move the file out of the way, unless another process already did; where that fails the damage is told."""
        with suppress(OSError):
            if (aside := set_aside(self._path, "damaged")) is None:
                return
            log.error("queue.damaged", file=str(self._path), problem=str(error), set_aside_as=aside.name)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
