"""Report dates from one CSV file, `ticker,filed_on[,timing]`."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from configuration import is_ticker
from market.csv_file import FIRST_ROW, check_fields, columns_of, is_date, read_rows
from market.errors import InvalidFile
from market.reports.dates import Report, ReportDates, Timing

NAME = "files"
REQUIRED = ("ticker", "filed_on")
KNOWN = (*REQUIRED, "timing")


class ReportFile:
    """Reads the file, again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._known: Mapping[str, ReportDates] = {}
        self._lock = threading.Lock()

    def reports_of(self, ticker: str) -> ReportDates:
        """Every report of `ticker` in the file; without any when the file does not name it.

        Raises:
            InvalidFile: naming file, line and remedy.
        """
        with self._lock:
            self._read_when_changed()
            return self._known.get(ticker, ReportDates(ticker))

    def _read_when_changed(self) -> None:
        try:
            status = self._path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if version != self._version:
                fetched_at = datetime.fromtimestamp(status.st_mtime, UTC)
                self._known = parse_csv(self._path.read_bytes(), str(self._path), fetched_at)
                self._version = version
        except OSError as error:
            raise InvalidFile(f"{self._path}: {error.strerror}; name a readable file in market.files.reports") from None


def parse_csv(content: bytes, name: str, fetched_at: datetime) -> dict[str, ReportDates]:
    """Report dates by ticker.

    Args:
        content: UTF-8; header with `ticker` and `filed_on`, perhaps `timing`, in any order; ISO dates in any order;
            timings `before_open`, `after_close`, `unknown` or empty.
        name: of the file, for errors.
        fetched_at: time that the reports carry, UTC.

    Raises:
        InvalidFile: `name:line: reason; remedy`.
    """
    rows = read_rows(content, name)
    header = columns_of(rows, REQUIRED, KNOWN, name)
    found: dict[str, list[Report]] = {}
    for line, row in enumerate(rows[1:], FIRST_ROW):
        check_fields(row, header, line, name)
        fields = {column: text.strip() for column, text in zip(header, row, strict=True)}
        found.setdefault(_ticker(fields, line, name), []).append(_report(fields, line, name, fetched_at))
    return {ticker: ReportDates.of(ticker, reports) for ticker, reports in found.items()}


def _ticker(fields: Mapping[str, str], line: int, name: str) -> str:
    ticker = fields["ticker"].upper()
    if not is_ticker(ticker):
        raise InvalidFile(f"{name}:{line}: ticker {fields['ticker']!r} is not a ticker; write it as AAPL")
    return ticker


def _report(fields: Mapping[str, str], line: int, name: str, fetched_at: datetime) -> Report:
    filed_on, timing = fields["filed_on"], fields.get("timing") or Timing.UNKNOWN.value
    if not is_date(filed_on):
        raise InvalidFile(f"{name}:{line}: filed_on {filed_on!r} is not a date; write it as 2024-03-08")
    if timing not in set(Timing):
        allowed = ", ".join(Timing)
        raise InvalidFile(f"{name}:{line}: timing {timing!r} is unknown; write {allowed} or nothing")
    return Report(np.datetime64(filed_on, "D"), Timing(timing), NAME, fetched_at)
