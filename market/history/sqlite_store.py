"""Bars, corporate actions and last quotes on disk: one SQLite file that any tool opens, readable while it is written.

Rows are only ever added. Each fetch is a row of `fetches`; a whole history begins a new series, an update is added to
the series it continues, and a bar that a later fetch corrects stays beside its correction. The view `daily` shows the
newest bars of each ticker. Simulated prices are never stored.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

import numpy as np
import structlog

from concurrency.sqlite_damage import is_damage, set_aside
from concurrency.sqlite_schema import SchemaTooNew, migrate
from market.bars import COLUMNS, Bars
from market.errors import MarketError
from market.history.schema import MIGRATIONS
from market.quotes.quote import Quote
from market.quotes.quote_json import quote_from_json, quote_to_json
from market.series import Adjustment, Series

BUSY_TIMEOUT_SECONDS = 10.0
SERIES_PER_TICKER = 3  # older ones were replaced as a whole twice
FETCHES = "SELECT id, series, source, adjustment, fetched_at FROM fetches WHERE ticker = ?"
LAST_FIRST = "ORDER BY series DESC, id DESC"
NEWEST = f"{FETCHES} {LAST_FIRST}"
NEWEST_BEFORE = f"{FETCHES} AND fetched_at < ? {LAST_FIRST}"
INSERT_FETCH = "INSERT INTO fetches (series, ticker, source, adjustment, fetched_at) VALUES (?, ?, ?, ?, ?)"
INSERT_BAR = """
INSERT INTO bars (series, session, fetch, open, high, low, close, volume, adj_close)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_ACTION = "INSERT INTO actions (series, session, kind, fetch, value) VALUES (?, ?, ?, ?, ?)"
REPLACE_QUOTE = "INSERT OR REPLACE INTO quotes (ticker, fetched_at, quote) VALUES (?, ?, ?)"
SELECT_BARS = """
SELECT session, open, high, low, close, volume, adj_close FROM bars WHERE series = ? AND fetch <= ?
ORDER BY session, fetch
"""
SELECT_ACTIONS = "SELECT kind, session, value FROM actions WHERE series = ? AND fetch <= ? ORDER BY fetch"

log = structlog.get_logger(__name__)


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
        self._is_prepared = False
        try:
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            # Prices still come from the providers; the next call tries again.
            log.error("history.unavailable", file=str(self._path), reason=str(error))  # noqa: TRY400  # says all

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def check_usable(self) -> None:
        """Check that prices can be stored.

        Raises:
            MarketError: they cannot; in one line that names the file.
        """
        try:
            with self.writing():
                pass
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                return  # another process writes
            reason = getattr(error, "strerror", None) or str(error)
            raise MarketError(f"{self._path}: {reason}; make STOCKS_HOME a writable directory with room") from None

    def _prepare(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._set_aside(error)
            self._migrate()
        except SchemaTooNew as error:
            raise MarketError(f"{self._path}: {error}; install the newer release or move the file away") from None
        self._is_prepared = True

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Make room for a new file, unless another process has."""
        if (aside := set_aside(self._path)) is not None:
            log.error("history.set_aside", file=str(self._path), set_aside_as=str(aside), reason=str(error))

    def _migrate(self) -> None:
        with self._opened() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            migrate(connection, MIGRATIONS)

    def read(self, ticker: str, before: datetime | None = None) -> Stored | None:
        """The newest series of `ticker`, if there is one; as it had been fetched before a moment when one is given."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            query, moment = (NEWEST_BEFORE, (before.timestamp(),)) if before else (NEWEST, ())
            newest = connection.execute(query, (ticker, *moment)).fetchone()
            if newest is None:
                return None
            fetch, number, source, adjustment, fetched_at = newest
            rows = connection.execute(SELECT_BARS, (number, fetch)).fetchall()
            actions = connection.execute(SELECT_ACTIONS, (number, fetch)).fetchall()
        series = _series(ticker, source, Adjustment(adjustment), rows, actions)
        return Stored(series, datetime.fromtimestamp(fetched_at, UTC))

    def replace(self, series: Series, fetched_at: datetime) -> None:
        """Take `series` as the whole history of its ticker from now on."""
        with self.writing() as connection:
            begun = connection.execute("SELECT coalesce(max(series), 0) + 1 FROM fetches").fetchone()[0]
            self._add(connection, begun, series, fetched_at)
            _prune(connection, series.ticker)

    def extend(self, update: Series, fetched_at: datetime) -> bool:
        """Add new and corrected bars to the newest series; False when that one is of another source or adjustment."""
        with self.writing() as connection:
            newest = connection.execute(NEWEST, (update.ticker,)).fetchone()
            if newest is None or newest[2:4] != (update.source, update.adjustment):
                return False
            self._add(connection, newest[1], update, fetched_at)
            return True

    def write_quote(self, quote: Quote, fetched_at: datetime) -> None:
        """Store `quote` as the last one known of its ticker."""
        row = (quote.ticker, fetched_at.timestamp(), quote_to_json(quote))
        with self.writing() as connection:
            connection.execute(REPLACE_QUOTE, row)

    def read_quote(self, ticker: str) -> Quote | None:
        """The last quote of `ticker` that was stored."""
        with self.reading() as connection:
            row = connection.execute("SELECT fetched_at, quote FROM quotes WHERE ticker = ?", (ticker,)).fetchone()
        return quote_from_json(row[1], row[0]) if row else None

    def fetched_at(self, ticker: str) -> datetime | None:
        """When the newest series of `ticker` was fetched."""
        with self.reading() as connection:
            newest = connection.execute(NEWEST, (ticker,)).fetchone()
        return datetime.fromtimestamp(newest[4], UTC) if newest else None

    def knows(self, ticker: str) -> bool:
        """Whether a real bar or quote of `ticker` was ever stored."""
        with self.reading() as connection:
            query = "SELECT 1 FROM fetches WHERE ticker = ?1 UNION ALL SELECT 1 FROM quotes WHERE ticker = ?1 LIMIT 1"
            return connection.execute(query, (ticker,)).fetchone() is not None

    @staticmethod
    def _add(connection: sqlite3.Connection, number: int, series: Series, fetched_at: datetime) -> None:
        if series.bars.simulated:
            raise ValueError(f"{series.ticker}: simulated bars are never stored")
        fetch = (number, series.ticker, series.source, series.adjustment.value, fetched_at.timestamp())
        added = connection.execute(INSERT_FETCH, fetch).lastrowid
        sessions = series.bars.session.astype(np.int64).tolist()
        columns = [getattr(series.bars, name).tolist() for name in COLUMNS]
        adjusted = repeat(None) if series.adj_close is None else series.adj_close.tolist()
        rows = zip(repeat(number), sessions, repeat(added), *columns, adjusted, strict=False)
        connection.executemany(INSERT_BAR, rows)
        actions = [
            (number, int(session.astype(np.int64)), kind, added, value)
            for kind, events in (("split", series.splits), ("dividend", series.dividends))
            for session, value in events.items()
        ]
        connection.executemany(INSERT_ACTION, actions)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to the file, made anew when the file is gone.

        Raises:
            sqlite3.Error: it cannot be used; where it was damaged it has been set aside, and the next call finds a new
                one.
        """
        if not self._is_prepared or not self._path.exists():
            self._prepare()
        try:
            with self._opened() as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            self._is_prepared = False
            if is_damage(error):
                self._set_aside(error)
            raise

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """For many calls in a row: SQLite writes its log back whenever the last connection closes.

        A file that cannot be opened is each call's to tell.
        """
        with ExitStack() as stack:
            with suppress(sqlite3.Error, OSError):
                connection = stack.enter_context(self.reading())
                connection.execute("SELECT 1 FROM fetches LIMIT 1").fetchone()
            yield

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)) as connection:
            # A power cut may cost the last fetch, never the file; a killed process costs nothing.
            connection.execute("PRAGMA synchronous=NORMAL")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same within one transaction."""
        with self.reading() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection


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
    for (old,) in series.fetchall()[SERIES_PER_TICKER:]:
        for table in ("bars", "actions", "fetches"):
            connection.execute(f"DELETE FROM {table} WHERE series = ?", (old,))  # noqa: S608  # names from above
