"""The schema of a SQLite file, with a version in the file, brought forward step by step."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

Step = Sequence[str]


class SchemaTooNew(Exception):
    """A newer release has written the file; the text says which versions differ."""


def migrate(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    """Bring the file to version `len(steps)`, in one transaction; does nothing when it is there.

    Args:
        connection: with `isolation_level=None`; other processes that open the file wait for the transaction.
        steps: statements that lead from each version to the next; a file that was never versioned has version 0.

    Raises:
        SchemaTooNew: the file is of a version beyond.
    """
    if version_of(connection) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _bring_forward(connection, steps)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int:
    """The version that the file carries."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def changed_at(path: Path) -> int:
    """When a file was written last, in nanoseconds of its disk's clock; 0 without one. Costs no look into it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _bring_forward(connection: sqlite3.Connection, steps: Sequence[Step]) -> None:
    version = version_of(connection)
    if version > len(steps):
        raise SchemaTooNew(f"its schema has version {version}, this release knows versions up to {len(steps)}")
    for step in steps[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(steps)}")
