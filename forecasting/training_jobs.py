"""The list of trainings to do: written by serving, worked by training, kept across restarts."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

Status = Literal["queued", "running", "promoted", "kept", "failed"]

BUSY_TIMEOUT = 5.0
KEPT_FOR = 7 * 86400.0

# Order of work: what a person waits for first.
ASKED, RETRAIN, MISSING = 0, 1, 2

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY, ticker TEXT NOT NULL, horizon INTEGER NOT NULL, priority INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT, queued_at REAL NOT NULL, started_at REAL, finished_at REAL
);
CREATE UNIQUE INDEX IF NOT EXISTS open_jobs ON jobs (ticker, horizon) WHERE status IN ('queued', 'running');
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One training to do, under way or done.

    Attributes:
        reason: why it ended as it did; null before.
        queued_at, started_at, finished_at: Unix seconds, null until then.
    """

    job_id: str
    ticker: str
    horizon: int
    priority: int
    status: Status
    reason: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None


class TrainingJobs:
    """A queue in one SQLite file that any number of processes share; one open job per ticker and horizon."""

    def __init__(self, home: Path) -> None:
        self._path = home / "jobs" / "jobs.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            connection.executescript("PRAGMA journal_mode=WAL;" + SCHEMA)

    def add(self, ticker: str, horizon: int, priority: int) -> Job:
        """Queue a job; when one is open already that one is returned, moved forward if `priority` is more urgent."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (job_id, ticker, horizon, priority, status, queued_at)"
                " VALUES (?, ?, ?, ?, 'queued', ?)"
                " ON CONFLICT (ticker, horizon) WHERE status IN ('queued', 'running')"
                " DO UPDATE SET priority = min(priority, excluded.priority)",
                (uuid.uuid4().hex, ticker, horizon, priority, time()),
            )
            found = connection.execute(
                "SELECT * FROM jobs WHERE ticker = ? AND horizon = ? AND status IN ('queued', 'running')",
                (ticker, horizon),
            ).fetchone()
        return Job(*found)

    def get(self, job_id: str) -> Job | None:
        """The job of this id, if there is one."""
        with self._transaction() as connection:
            found = connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return Job(*found) if found else None

    def claim(self) -> Job | None:
        """Take the most urgent job whose ticker nobody works on; None when there is none."""
        with self._transaction() as connection:
            found = connection.execute(
                "UPDATE jobs SET status = 'running', started_at = ? WHERE job_id = ("
                " SELECT job_id FROM jobs WHERE status = 'queued'"
                " AND ticker NOT IN (SELECT ticker FROM jobs WHERE status = 'running')"
                " ORDER BY priority, queued_at LIMIT 1) RETURNING *",
                (time(),),
            ).fetchone()
        return Job(*found) if found else None

    def finish(self, job: Job, status: Status, reason: str) -> None:
        """Write the outcome of a claimed job, and forget what ended more than a week ago."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, reason = ?, finished_at = ? WHERE job_id = ?",
                (status, reason, time(), job.job_id),
            )
            connection.execute("DELETE FROM jobs WHERE finished_at < ?", (time() - KEPT_FOR,))

    def failures(self, ticker: str, horizon: int, since: float) -> int:
        """How many jobs for the model failed after `since` (Unix seconds)."""
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT count(*) FROM jobs WHERE ticker = ? AND horizon = ? AND status = 'failed' AND finished_at > ?",
                (ticker, horizon, since),
            ).fetchone()
        return int(found[0])

    def resume(self) -> None:
        """Queue again what was running when the last worker ended."""
        with self._transaction() as connection:
            connection.execute("UPDATE jobs SET status = 'queued', started_at = NULL WHERE status = 'running'")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT)) as connection, connection:
            yield connection
