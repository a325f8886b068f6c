"""Whether each experiment runs, in a file that every API worker reads and that outlives them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

import structlog

from concurrency.sqlite_damage import is_damage, set_aside
from concurrency.sqlite_schema import SchemaTooNew, changed_at, migrate

log = structlog.get_logger(__name__)

Status = Literal["running", "stopped", "promoted"]

BUSY_SECONDS = 2.0
CREATE = """
    CREATE TABLE experiments (
        name TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL, trial INTEGER NOT NULL,
        changed_at REAL NOT NULL
    )
"""
STEPS = ((CREATE,),)
# Another worker may have written what is newer meanwhile.
KEEP = """
    INSERT INTO experiments (name, status, reason, trial, changed_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
        status = excluded.status, reason = excluded.reason, trial = excluded.trial, changed_at = excluded.changed_at
    WHERE excluded.changed_at >= experiments.changed_at
"""


@dataclass(frozen=True, slots=True)
class State:
    """Where an experiment stands; one that nobody ever stopped runs.

    Attributes:
        reason: why it stands there; empty at first.
        trial: grows by one with each start by hand, which begins its evidence anew.
        changed_at: Unix seconds, 0 when nothing ever happened.
    """

    status: Status = "running"
    reason: str = ""
    trial: int = 1
    changed_at: float = 0.0


class ExperimentStates:
    """The states under STOCKS_HOME; in memory alone where that cannot be written."""

    def __init__(self, home: Path) -> None:
        self._path = home / "experiments" / "experiments.sqlite"
        self._unkept: dict[str, State] = {}

    def read(self) -> dict[str, State]:
        """The states of all experiments that have one of their own."""
        found: dict[str, State] = {}
        if self._path.exists():
            try:
                with self._connection() as connection:
                    rows = connection.execute("SELECT name, status, reason, trial, changed_at FROM experiments")
                    found = {name: State(*values) for name, *values in rows}
            except (OSError, sqlite3.Error, SchemaTooNew) as error:
                log.warning("experiments.not_read", file=str(self._path), problem=str(error))
        return found | self._unkept

    def write(self, name: str, state: State) -> None:
        """Keep the state of an experiment unless a newer one is kept; in memory when the disk does not take it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._write(name, state)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._write(name, state)
            self._unkept.pop(name, None)
        except (OSError, sqlite3.Error, SchemaTooNew) as error:
            self._unkept[name] = state
            log.warning("experiments.not_kept", experiment=name, status=state.status, problem=str(error))

    def changed_at(self) -> int:
        """When anything was written last, in nanoseconds of the file's clock; costs no look into the file."""
        return changed_at(self._path)

    def _write(self, name: str, state: State) -> None:
        with self._connection() as connection:
            connection.execute(KEEP, (name, state.status, state.reason, state.trial, state.changed_at))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            try:
                migrate(connection, STEPS)
                yield connection
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self._set_aside(error)
                raise

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Make room for a new file, unless another process has."""
        if (aside := set_aside(self._path)) is not None:
            file, remedy = str(self._path), "stop again what was stopped"
            log.error("experiments.set_aside", file=file, set_aside_as=str(aside), reason=str(error), remedy=remedy)


def moved(state: State, status: Status, reason: str) -> State:
    """The state after a change now; a start begins a new trial."""
    starts = status == "running" and state.status != "running"
    return State(status, reason, state.trial + starts, time())
