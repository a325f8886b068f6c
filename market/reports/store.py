"""Report dates in the history store: added with source and time of fetch, never rewritten."""

import sqlite3
from datetime import UTC, datetime

import numpy as np

from market.history.sqlite_store import HistoryStore
from market.reports.answer import ReportAnswer, ReportDate
from market.reports.dates import Report, Timing

INSERT_REPORT = """
INSERT OR IGNORE INTO reports (ticker, source, filed_on, timing, fetched_at) VALUES (?, ?, ?, ?, ?)
"""
INSERT_FETCH = """
INSERT INTO report_fetches (ticker, source, fetched_at, announced_on, announced_timing) VALUES (?, ?, ?, ?, ?)
"""
SELECT_REPORTS = """
SELECT filed_on, timing, fetched_at FROM reports WHERE ticker = ? AND source = ? ORDER BY filed_on, fetched_at
"""
SELECT_NEWEST_FETCH = """
SELECT fetched_at, announced_on, announced_timing FROM report_fetches WHERE ticker = ? AND source = ?
ORDER BY id DESC LIMIT 1
"""


class ReportStore:
    """The report dates that were ever fetched."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store

    def write(self, ticker: str, source: str, answer: ReportAnswer, fetched_at: datetime) -> None:
        """Add what is new, and note the fetch."""
        moment, announced = fetched_at.timestamp(), answer.announced
        past = [(ticker, source, _day(report.filed_on), report.timing.value, moment) for report in answer.past]
        fetch = (_day(announced.filed_on), announced.timing.value) if announced else (None, None)
        with self._store.writing() as connection:
            connection.executemany(INSERT_REPORT, past)
            connection.execute(INSERT_FETCH, (ticker, source, moment, *fetch))

    def read(self, ticker: str, source: str) -> list[Report]:
        """Past reports from `source`, and the one that its newest answer announces."""
        with self._store.reading() as connection:
            rows = connection.execute(SELECT_REPORTS, (ticker, source)).fetchall()
            newest = self._newest(connection, ticker, source)
        if newest is not None and newest[1] is not None:
            rows.append((newest[1], newest[2], newest[0]))
        return [_report(ReportDate(_date(day), Timing(timing)), source, at) for day, timing, at in rows]

    def fetched_at(self, ticker: str, source: str) -> datetime | None:
        """When `source` was last asked about `ticker` with success."""
        with self._store.reading() as connection:
            newest = self._newest(connection, ticker, source)
        return datetime.fromtimestamp(newest[0], UTC) if newest else None

    @staticmethod
    def _newest(connection: sqlite3.Connection, ticker: str, source: str) -> tuple[float, int | None, str] | None:
        found: tuple[float, int | None, str] | None = connection.execute(
            SELECT_NEWEST_FETCH, (ticker, source)
        ).fetchone()
        return found


def _report(date: ReportDate, source: str, fetched_at: float) -> Report:
    return Report(date.filed_on, date.timing, source, datetime.fromtimestamp(fetched_at, UTC))


def _day(date: np.datetime64) -> int:
    return int(date.astype("datetime64[D]").astype(np.int64))


def _date(day: int) -> np.datetime64:
    return np.datetime64(day, "D")
