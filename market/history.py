"""Bars on disk: one SQLite file that any tool opens, readable while it is written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from market.bars import COLUMNS, Bars

BUSY_TIMEOUT = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    ticker TEXT PRIMARY KEY, source TEXT NOT NULL, fetched_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bars (
    ticker TEXT NOT NULL, session TEXT NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    PRIMARY KEY (ticker, session)
) WITHOUT ROWID;
"""
SELECT_BARS = "SELECT session, open, high, low, close, volume FROM bars WHERE ticker = ? ORDER BY session"


@dataclass(frozen=True, slots=True)
class Stored:
    """A series with the time it was fetched."""

    bars: Bars
    fetched_at: datetime


class HistoryStore:
    """The real bars that were ever fetched; invented ones are never kept.

    Any number of processes may use the same file: each call opens its own connection, each write is one transaction.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "history" / "history.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)

    def read(self, ticker: str) -> Stored | None:
        """The stored series of `ticker`, if there is one."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            found = connection.execute("SELECT source, fetched_at FROM series WHERE ticker = ?", (ticker,)).fetchone()
            rows = connection.execute(SELECT_BARS, (ticker,)).fetchall()
        if found is None or not rows:
            return None
        session, *columns = zip(*rows, strict=True)
        numbers = {name: np.array(column) for name, column in zip(COLUMNS, columns, strict=True)}
        bars = Bars(ticker=ticker, source=found[0], session=np.array(session, dtype="datetime64[D]"), **numbers)
        return Stored(bars, datetime.fromtimestamp(found[1], UTC))

    def write(self, bars: Bars, fetched_at: datetime) -> None:
        """Take `bars` as the whole series of their ticker."""
        columns = (getattr(bars, name).tolist() for name in COLUMNS)
        rows = zip([bars.ticker] * len(bars), bars.session.astype(str).tolist(), *columns, strict=True)
        with self._connection() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM bars WHERE ticker = ?", (bars.ticker,))
            connection.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            series = (bars.ticker, bars.source, fetched_at.timestamp())
            connection.execute("INSERT OR REPLACE INTO series VALUES (?, ?, ?)", series)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
            yield connection
