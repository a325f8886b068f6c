"""The list of trainings to do: written by serving, worked by training, kept across restarts."""

import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import time

from training_queue.database import QueueDatabase
from training_queue.steps import Job, Result, Status, Step

SECONDS_KEPT = 7 * 86400.0
# A step during which the worker died so often is not tried again.
MOST_ATTEMPTS = 3

# Order of work: what a person waits for first.
# A retraining that a person asked for is first, so that no automatic step of the same model takes its place.
RETRAIN, ASKED, MISSING = 0, 1, 2

COLUMNS = "step_id, job_id, ticker, horizon, priority, status, reason, queued_at, started_at, finished_at, attempts"


class TrainingJobs:
    """A queue that any number of processes share.

    Every method raises QueueUnavailable while its file cannot be read or written.
    """

    def __init__(self, home: Path) -> None:
        self._database = QueueDatabase(home)
        self._transaction = self._database.transaction

    def add(self, ticker: str, horizons: Iterable[int], priority: int) -> Job:
        """Queue the training of a ticker.

        What is queued stays and becomes as urgent as `priority`; it all belongs to the ticker's one open job. An
        automatic step that becomes a person's counts as queued now, and one that runs already is done again afterwards;
        any other request for what runs already, or for what the open job has done for a person, changes nothing. What
        failed in the open job is queued anew in place of the failure.
        """
        with self._transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute(
                "SELECT job_id FROM steps WHERE ticker = ? AND status IN ('queued', 'running')", (ticker,)
            ).fetchone()
            job_id = found[0] if found else uuid.uuid4().hex
            done = connection.execute(
                "SELECT horizon FROM steps WHERE job_id = ? AND priority = ? AND status IN ('promoted', 'kept')",
                (job_id, RETRAIN),
            ).fetchall()
            wanted = [horizon for horizon in horizons if (horizon,) not in done]
            connection.executemany(
                "DELETE FROM steps WHERE job_id = ? AND horizon = ? AND status = 'failed'",
                [(job_id, horizon) for horizon in wanted],
            )
            connection.executemany(
                "INSERT INTO steps (job_id, ticker, horizon, priority, status, queued_at)"
                " VALUES (?, ?, ?, ?, 'queued', ?)"
                " ON CONFLICT (ticker, horizon) WHERE status IN ('queued', 'running')"
                " DO UPDATE SET priority = min(priority, excluded.priority),"
                " queued_at = CASE WHEN excluded.priority < priority THEN excluded.queued_at ELSE queued_at END"
                " WHERE status = 'queued' OR excluded.priority = ?",
                [(job_id, ticker, horizon, priority, time(), RETRAIN) for horizon in wanted],
            )
            return _job(self._steps(connection, job_id))

    def get(self, job_id: str) -> Job | None:
        """The job of this id, if there is one."""
        with self._transaction() as connection:
            steps = self._steps(connection, job_id)
        return _job(steps) if steps else None

    def recent(self, limit: int, priority: int = MISSING) -> list[Job]:
        """The `limit` jobs that were queued last, the newest first; those with a step as urgent as `priority` alone."""
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT job_id FROM steps GROUP BY job_id HAVING min(priority) <= ?"
                " ORDER BY max(queued_at) DESC, job_id LIMIT ?",
                (priority, limit),
            ).fetchall()
            return [_job(self._steps(connection, job_id)) for (job_id,) in found]

    def claim(self) -> Step | None:
        """Take the most urgent step whose ticker nobody works on; None when there is none."""
        with self._transaction() as connection:
            found = connection.execute(
                "UPDATE steps SET status = 'running', started_at = ?, attempts = attempts + 1 WHERE step_id = ("
                " SELECT step_id FROM steps WHERE status = 'queued'"
                " AND ticker NOT IN (SELECT ticker FROM steps WHERE status = 'running')"
                " ORDER BY priority, step_id LIMIT 1) RETURNING step_id",
                (time(),),
            ).fetchone()
            return self._select(connection, "step_id = ?", found[0])[0] if found else None

    def finish(self, step: Step, status: Status, reason: str) -> None:
        """Write the outcome of a claimed step, and forget what ended more than a week ago.

        A step that a person asked for while it ran as an automatic one is queued again instead.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE steps SET status = ?, reason = ?, finished_at = ? WHERE step_id = ? AND priority = ?",
                (status, reason, time(), step.step_id, step.priority),
            )
            connection.execute(
                "UPDATE steps SET status = 'queued', started_at = NULL, attempts = 0"
                " WHERE step_id = ? AND priority < ? AND status = 'running'",
                (step.step_id, step.priority),
            )
            self._write_result(connection, step.ticker, step.horizon, status, reason)
            connection.execute("DELETE FROM steps WHERE finished_at < ?", (time() - SECONDS_KEPT,))

    def note(self, ticker: str, horizon: int, status: Status, reason: str) -> None:
        """Write the outcome of a training that was no step of the queue."""
        with self._transaction() as connection:
            self._write_result(connection, ticker, horizon, status, reason)

    def last(self, ticker: str, horizon: int) -> Result | None:
        """The outcome of the last training, if there ever was one."""
        with self._transaction() as connection:
            found = connection.execute(
                "SELECT status, reason, ended_at FROM results WHERE ticker = ? AND horizon = ?", (ticker, horizon)
            ).fetchone()
        return Result(*found) if found else None

    def last_results(self) -> list[tuple[tuple[str, int], Result]]:
        """The outcome of the last training of every ticker and horizon, the newest first."""
        query = "SELECT ticker, horizon, status, reason, ended_at FROM results ORDER BY ended_at DESC"
        with self._transaction() as connection:
            found = connection.execute(query).fetchall()
        return [((ticker, horizon), Result(*rest)) for ticker, horizon, *rest in found]

    def requeue(self, step: Step, *, counts: bool = False) -> None:
        """Queue a claimed step again, behind all that are as urgent.

        Args:
            counts: whether it counts as an attempt.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE steps SET status = 'queued', started_at = NULL, attempts = attempts - ?,"
                " step_id = (SELECT max(step_id) + 1 FROM steps) WHERE step_id = ?",
                (0 if counts else 1, step.step_id),
            )

    def waiting(self) -> bool:
        """Whether anything is queued."""
        with self._transaction() as connection:
            return connection.execute("SELECT 1 FROM steps WHERE status = 'queued' LIMIT 1").fetchone() is not None

    def failed_since(self, ticker: str, horizon: int, since: float) -> bool:
        """Whether the last training ended after `since` (Unix seconds) without a model that serves."""
        last = self.last(ticker, horizon)
        return last is not None and last.status in {"failed", "kept"} and last.ended_at > since

    def finished(self, since: float) -> list[Step]:
        """Steps that ended after `since` (Unix seconds), in that order."""
        with self._transaction() as connection:
            return self._select(connection, "finished_at > ? ORDER BY finished_at", since)

    def changed_at(self) -> int:
        """When anything was written last, in nanoseconds of the file's clock; costs no look into the file."""
        return self._database.changed_at()

    def outcomes(self) -> dict[Status, int]:
        """How many steps of the last week stand where."""
        with self._transaction() as connection:
            return dict(connection.execute("SELECT status, count(*) FROM steps GROUP BY status").fetchall())

    def resume(self) -> None:
        """Queue again what was running when the last worker ended; for the one that holds `WorkerLock` alone.

        What several workers have died of is failed instead.
        """
        with self._transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            reason = f"the worker ended {MOST_ATTEMPTS} times while it trained this"
            deadly = connection.execute(
                "UPDATE steps SET status = 'failed', reason = ?, finished_at = ?"
                " WHERE status = 'running' AND attempts >= ? RETURNING ticker, horizon",
                (reason, time(), MOST_ATTEMPTS),
            ).fetchall()
            for ticker, horizon in deadly:
                self._write_result(connection, ticker, horizon, "failed", reason)
            connection.execute("UPDATE steps SET status = 'queued', started_at = NULL WHERE status = 'running'")

    @staticmethod
    def _write_result(connection: sqlite3.Connection, ticker: str, horizon: int, status: Status, reason: str) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO results (ticker, horizon, status, reason, ended_at) VALUES (?, ?, ?, ?, ?)",
            (ticker, horizon, status, reason, time()),
        )

    def _steps(self, connection: sqlite3.Connection, job_id: str) -> list[Step]:
        return self._select(connection, "job_id = ? ORDER BY step_id", job_id)

    @staticmethod
    def _select(connection: sqlite3.Connection, which: str, value: object) -> list[Step]:
        query = f"SELECT {COLUMNS} FROM steps WHERE {which}"  # noqa: S608  # names and conditions of this file alone
        return [Step(*row) for row in connection.execute(query, (value,)).fetchall()]


def _job(steps: Sequence[Step]) -> Job:
    return Job(steps[0].job_id, steps[0].ticker, tuple(steps))
