"""Models whose champion is not yet known to be published.

A promotion is two steps in two systems: MLflow's alias moves, then the model store gets the files. What is noted here
before the first and removed after the second tells a worker what a process that died between them left unpublished.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

import structlog

from training_queue.database import QueueDatabase, QueueUnavailable

log = structlog.get_logger(__name__)

# Seconds after which a publication that is under way counts as left behind; it takes one or two.
LEFT_BEHIND_AFTER = 30.0
# After a failure to finish one; twice as long after each further failure, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
# In place of the time at which a publication began, where none did.
ASKED_FOR = 0.0

Model = tuple[str, int]


class Publications:
    """Publications under way, by ticker and horizon, for all processes that share a STOCKS_HOME."""

    def __init__(self, home: Path) -> None:
        self._database = QueueDatabase(home)

    @contextmanager
    def under_way(self, ticker: str, horizon: int) -> Iterator[None]:
        """Note a publication while the block runs; when the block fails or the process dies the note stays.

        A queue that cannot be written prevents no publication.
        """
        self._note(ticker, horizon, time())
        yield
        self.forget(ticker, horizon)

    def request(self, ticker: str, horizon: int) -> None:
        """Ask the worker to see to it that the champion is published whole: what is there cannot serve.

        A request that stands already keeps its pause after a failure.
        """
        insert = "INSERT INTO publications (ticker, horizon, begun_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self._write(insert, ticker, horizon, ASKED_FOR)

    def request_promotion(self, ticker: str, horizon: int, version: int) -> None:
        """Ask the worker to make a version champion, which it also publishes.

        Raises:
            QueueUnavailable: the list cannot be written.
        """
        insert = "INSERT OR REPLACE INTO publications (ticker, horizon, begun_at, version) VALUES (?, ?, ?, ?)"
        with self._database.transaction() as connection:
            connection.execute(insert, (ticker, horizon, ASKED_FOR, version))

    def version_to_promote(self, ticker: str, horizon: int) -> int | None:
        """The version that is to become champion before the model is published; None when the champion is to stay.

        Raises:
            QueueUnavailable: the list cannot be read.
        """
        query = "SELECT version FROM publications WHERE ticker = ? AND horizon = ?"
        with self._database.transaction() as connection:
            found = connection.execute(query, (ticker, horizon)).fetchone()
        return int(found[0]) if found and found[0] is not None else None

    def postpone(self, ticker: str, horizon: int) -> None:
        """Leave a model that could not be published alone for a while, longer with each failure."""
        update = (
            "UPDATE publications SET failures = failures + 1, not_before = ? + min(? * (1 << min(failures, 20)), ?)"
            " WHERE ticker = ? AND horizon = ?"
        )
        self._write(update, time(), FIRST_PAUSE, LONGEST_PAUSE, ticker, horizon)

    def forget(self, ticker: str, horizon: int) -> None:
        """Strike a model that is published off the list."""
        self._write("DELETE FROM publications WHERE ticker = ? AND horizon = ?", ticker, horizon)

    def left_behind(self) -> list[Model]:
        """Models that the worker should see to: asked for, or begun a while ago and not ended, and not postponed.

        Raises:
            QueueUnavailable: the list cannot be read.
        """
        return self._begun_after(float("-inf"), time())

    def noted(self) -> set[Model]:
        """Every model on the list: asked for, under way, or postponed after a failure.

        Raises:
            QueueUnavailable: the list cannot be read.
        """
        with self._database.transaction() as connection:
            return {
                (ticker, horizon) for ticker, horizon in connection.execute("SELECT ticker, horizon FROM publications")
            }

    def unfinished(self) -> list[Model]:
        """Those of them that a process began to publish.

        Raises:
            QueueUnavailable: the list cannot be read.
        """
        return self._begun_after(ASKED_FOR, float("inf"))

    def _begun_after(self, earliest: float, postponed_to: float) -> list[Model]:
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT ticker, horizon FROM publications"
                " WHERE begun_at > ? AND begun_at < ? AND not_before <= ? ORDER BY begun_at",
                (earliest, time() - LEFT_BEHIND_AFTER, postponed_to),
            ).fetchall()
        return [(ticker, horizon) for ticker, horizon in found]

    def _note(self, ticker: str, horizon: int, begun_at: float) -> None:
        insert = "INSERT OR REPLACE INTO publications (ticker, horizon, begun_at) VALUES (?, ?, ?)"
        self._write(insert, ticker, horizon, begun_at)

    def _write(self, statement: str, *values: object) -> None:
        try:
            with self._database.transaction() as connection:
                connection.execute(statement, values)
        except QueueUnavailable as error:
            log.warning("publication.not_noted", values=values, problem=str(error))
