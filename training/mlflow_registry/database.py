"""The SQLite database that MLflow keeps everything in when no server is configured."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from training.errors import RegistryError

FILE = "mlflow.db"
# Seconds to wait for another process that creates or migrates the database, which takes a few.
LOCK_TIMEOUT = 120.0


@contextmanager
def first_use(folder: Path) -> Iterator[None]:
    """Hold a lock while MLflow opens the database in `folder`: two that create its tables at once break each other.

    Raises:
        RegistryError: the folder cannot be written, the database is damaged, or another process holds the lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check(folder / FILE)
        with FileLock(folder / "first-use.lock", timeout=LOCK_TIMEOUT):
            yield
    except Timeout:
        raise RegistryError(f"{folder / FILE}: another process has been opening it for {LOCK_TIMEOUT:.0f} s") from None
    except OSError as error:
        raise RegistryError(f"{folder}: {error.strerror}; STOCKS_HOME must be a folder that can be written") from None


def _check(path: Path) -> None:
    """Raise RegistryError for a file that is no database, or cannot be read and written."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok" and not found.startswith("database is locked"):
        remedy = "put a copy back, or move it away to begin an empty register; published models serve on"
        raise RegistryError(f"{path}: MLflow's database is damaged ({' '.join(found.split())}); {remedy}")
    if not os.access(path, os.W_OK):
        raise RegistryError(f"{path}: cannot be written; give the user that trains the right to")
