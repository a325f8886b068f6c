"""Bars, corporate actions and last quotes on disk: one SQLite file that any tool opens, readable while it is written.

Rows are only ever added. Each fetch is a row of `fetches`; a whole history begins a new series, a tail is added to the
series it continues, and a bar that a later fetch corrects stays beside its correction. The view `daily` shows the
newest bars of each ticker. Invented prices are never kept.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from market.bars import COLUMNS, Bars
from market.quotes.quote import Quote
from market.series import Adjustment, Series

BUSY_TIMEOUT = 10.0
QUOTE_FIELDS = ("ticker", "price", "source", "open", "high", "low", "volume")
KEPT_SERIES = 3  # of one ticker; older ones were replaced as a whole twice
SCHEMA = """
CREATE TABLE IF NOT EXISTS fetches (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, ticker TEXT NOT NULL, source TEXT NOT NULL,
    adjustment TEXT NOT NULL, fetched_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS fetches_of_ticker ON fetches (ticker, series, id);
CREATE TABLE IF NOT EXISTS bars (
    series INTEGER NOT NULL, session INTEGER NOT NULL, fetch INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    adj_close REAL,
    PRIMARY KEY (series, session, fetch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS actions (
    series INTEGER NOT NULL, session INTEGER NOT NULL, kind TEXT NOT NULL, fetch INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (series, session, kind, fetch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotes (
    ticker TEXT PRIMARY KEY, fetched_at REAL NOT NULL, quote TEXT NOT NULL
) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS daily AS
    SELECT f.ticker, date(b.session * 86400, 'unixepoch') AS session, b.open, b.high, b.low, b.close, b.volume,
           b.adj_close, f.source, f.adjustment, datetime(f.fetched_at, 'unixepoch') AS fetched_at
    FROM bars b JOIN fetches f ON f.id = b.fetch
    WHERE b.series = (SELECT max(series) FROM fetches WHERE ticker = f.ticker)
      AND b.fetch = (SELECT max(fetch) FROM bars WHERE series = b.series AND session = b.session);
"""
NEWEST = "SELECT id, series, source, adjustment, fetched_at FROM fetches WHERE ticker = ? ORDER BY series DESC, id DESC"
CONFIRM = """
INSERT INTO fetches (series, ticker, source, adjustment, fetched_at)
SELECT series, ticker, source, adjustment, ?1 FROM fetches WHERE ticker = ?2 ORDER BY series DESC, id DESC LIMIT 1
"""
SELECT_BARS = """
SELECT session, open, high, low, close, volume, adj_close FROM bars WHERE series = ? ORDER BY session, fetch
"""
SELECT_ACTIONS = "SELECT kind, session, value FROM actions WHERE series = ? ORDER BY fetch"


@dataclass(frozen=True, slots=True)
class Stored:
    """A series with the time of its newest fetch."""

    series: Series
    fetched_at: datetime


class HistoryStore:
    """The real prices that were ever fetched.

    Any number of processes may use the same file: each call opens its own connection, each write is one transaction.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "history" / "prices.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._path.replace(self._path.with_suffix(f".unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S}"))
            self._prepare()

    def _prepare(self) -> None:
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)

    def read(self, ticker: str) -> Stored | None:
        """The newest series of `ticker`, if there is one."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            newest = connection.execute(NEWEST, (ticker,)).fetchone()
            if newest is None:
                return None
            _, number, source, adjustment, fetched_at = newest
            rows = connection.execute(SELECT_BARS, (number,)).fetchall()
            actions = connection.execute(SELECT_ACTIONS, (number,)).fetchall()
        series = _series(ticker, source, Adjustment(adjustment), rows, actions)
        return Stored(series, datetime.fromtimestamp(fetched_at, UTC))

    def replace(self, series: Series, fetched_at: datetime) -> None:
        """Take `series` as the whole history of its ticker from now on."""
        with self._writing() as connection:
            begun = connection.execute("SELECT coalesce(max(series), 0) + 1 FROM fetches").fetchone()[0]
            self._add(connection, begun, series, fetched_at)
            _prune(connection, series.ticker)

    def extend(self, tail: Series, fetched_at: datetime) -> bool:
        """Add new and corrected bars to the newest series; False when that one is of another source or adjustment."""
        with self._writing() as connection:
            newest = connection.execute(NEWEST, (tail.ticker,)).fetchone()
            if newest is None or newest[2:4] != (tail.source, tail.adjustment):
                return False
            self._add(connection, newest[1], tail, fetched_at)
            return True

    def confirm(self, ticker: str, fetched_at: datetime) -> None:
        """Note that the newest series was asked for again and is unchanged."""
        with self._writing() as connection:
            connection.execute(CONFIRM, (fetched_at.timestamp(), ticker))

    def write_quote(self, quote: Quote, fetched_at: datetime) -> None:
        """Keep `quote` as the last one known of its ticker."""
        row = (quote.ticker, fetched_at.timestamp(), quote_to_json(quote))
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO quotes VALUES (?, ?, ?)", row)

    def read_quote(self, ticker: str) -> Quote | None:
        """The last quote that was kept of `ticker`."""
        with self._connection() as connection:
            row = connection.execute("SELECT fetched_at, quote FROM quotes WHERE ticker = ?", (ticker,)).fetchone()
        return quote_from_json(row[1], row[0]) if row else None

    def fetched_at(self, ticker: str) -> datetime | None:
        """When the newest series of `ticker` was fetched or confirmed."""
        with self._connection() as connection:
            newest = connection.execute(NEWEST, (ticker,)).fetchone()
        return datetime.fromtimestamp(newest[4], UTC) if newest else None

    def knows(self, ticker: str) -> bool:
        """Whether a real bar or quote of `ticker` was ever kept."""
        with self._connection() as connection:
            query = "SELECT 1 FROM fetches WHERE ticker = ?1 UNION ALL SELECT 1 FROM quotes WHERE ticker = ?1 LIMIT 1"
            return connection.execute(query, (ticker,)).fetchone() is not None

    @staticmethod
    def _add(connection: sqlite3.Connection, number: int, series: Series, fetched_at: datetime) -> None:
        if series.bars.simulated:
            raise ValueError(f"{series.ticker}: simulated bars are never kept")
        fetch = (number, series.ticker, series.source, series.adjustment.value, fetched_at.timestamp())
        added = connection.execute(
            "INSERT INTO fetches (series, ticker, source, adjustment, fetched_at) VALUES (?, ?, ?, ?, ?)", fetch
        ).lastrowid
        sessions = series.bars.session.astype(np.int64).tolist()
        columns = (getattr(series.bars, name).tolist() for name in COLUMNS)
        adjusted = [None] * len(sessions) if series.adj_close is None else series.adj_close.tolist()
        rows = (
            (number, session, added, *values) for session, *values in zip(sessions, *columns, adjusted, strict=True)
        )
        connection.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        actions = [
            (number, int(session.astype(np.int64)), kind, added, value)
            for kind, events in (("split", series.splits), ("dividend", series.dividends))
            for session, value in events.items()
        ]
        connection.executemany("INSERT INTO actions VALUES (?, ?, ?, ?, ?)", actions)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
            # A power cut may cost the last fetch, never the file; a killed process costs nothing.
            connection.execute("PRAGMA synchronous=NORMAL")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection


def quote_to_json(quote: Quote) -> str:
    """What the provider said, without what became of it here."""
    fields = {name: getattr(quote, name) for name in QUOTE_FIELDS}
    return json.dumps(fields | {"at": quote.at.isoformat()})


def quote_from_json(text: str, fetched_at: float) -> Quote:
    """A quote as `quote_to_json` wrote it."""
    fields = json.loads(text)
    fields["at"] = datetime.fromisoformat(fields["at"])
    return Quote(**fields, fetched_at=datetime.fromtimestamp(fetched_at, UTC))


def _series(
    ticker: str,
    source: str,
    adjustment: Adjustment,
    rows: list[tuple[float, ...]],
    actions: list[tuple[str, int, float]],
) -> Series:
    table = np.array(rows, dtype=np.float64)  # an absent adj_close becomes NaN
    session = table[:, 0].astype(np.int64).astype("datetime64[D]")
    # Of several fetches of one session the last one counts.
    newest = np.concatenate((session[1:] != session[:-1], [True]))
    table, session = table[newest], session[newest]
    columns = {name: table[:, index] for index, name in enumerate(COLUMNS, start=1)}
    events: dict[str, dict[np.datetime64, float]] = {"split": {}, "dividend": {}}
    for kind, day, value in actions:
        events[kind][np.datetime64(day, "D")] = value
    adj_close = None if np.isnan(table[:, -1]).any() else np.ascontiguousarray(table[:, -1])
    bars = Bars(ticker=ticker, source=source, session=session, **columns)
    return Series(bars, adjustment, events["split"], events["dividend"], adj_close)


def _prune(connection: sqlite3.Connection, ticker: str) -> None:
    series = connection.execute("SELECT DISTINCT series FROM fetches WHERE ticker = ? ORDER BY series DESC", (ticker,))
    for (old,) in series.fetchall()[KEPT_SERIES:]:
        for table in ("bars", "actions", "fetches"):
            connection.execute(f"DELETE FROM {table} WHERE series = ?", (old,))  # noqa: S608  # names from above
