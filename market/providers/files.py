"""Bars from a directory of `TICKER.csv` files."""

import asyncio
import csv
import io
from pathlib import Path

import numpy as np

from market.bars import COLUMNS, Bars, SessionArray
from market.errors import InvalidBars, UnknownTicker, Unreachable
from market.quote import Quote
from market.sessions import Sessions

HEADER = ("date", *COLUMNS)
FIRST_ROW = 2  # the header is line 1


class Files:
    """Reads `TICKER.csv` from one directory, again whenever a file has changed."""

    name = "files"
    local = True

    def __init__(self, directory: Path, sessions: Sessions) -> None:
        self._directory = directory
        self._sessions = sessions
        self._known: dict[str, tuple[int, Bars]] = {}

    async def bars(self, ticker: str) -> Bars:
        """All bars of the ticker's file.

        Raises:
            UnknownTicker: there is no such file.
            InvalidBars: naming file, line and remedy.
        """
        return await asyncio.to_thread(self._read, ticker)

    async def quote(self, ticker: str) -> Quote:
        """The last close, at the time its session closed."""
        bars = await self.bars(ticker)
        return Quote(ticker, float(bars.close[-1]), self._sessions.closes(bars.session[-1]), self.name)

    async def close(self) -> None:
        """Nothing is held open."""

    def _read(self, ticker: str) -> Bars:
        path = self._directory / f"{ticker}.csv"
        try:
            changed = path.stat().st_mtime_ns
            if ticker in self._known and self._known[ticker][0] == changed:
                return self._known[ticker][1]
            bars = parse_csv(path.read_bytes(), ticker, str(path))
        except FileNotFoundError:
            raise UnknownTicker(f"{ticker}: no file {path}; put its bars there or leave the ticker out") from None
        except OSError as error:
            raise Unreachable(f"{ticker}: {path}: {error.strerror}") from None
        self._known[ticker] = (changed, bars)
        return bars


def parse_csv(content: bytes, ticker: str, name: str) -> Bars:
    """Bars from the text of a CSV file.

    Args:
        content: UTF-8, header with at least `date,open,high,low,close,volume` in any order, ISO dates ascending.
        name: of the file, for errors.

    Raises:
        InvalidBars: `name:line: reason; remedy`.
    """
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidBars(ticker, f"{name}: not a CSV file in UTF-8: {error}; export it again") from None
    header = [field.strip().lower() for field in rows[0]] if rows else []
    if not header:
        raise InvalidBars(
            ticker, f"{name}:1: the file is empty; it needs the header {','.join(HEADER)} and one row per session"
        )
    if missing := [column for column in HEADER if column not in header]:
        raise InvalidBars(
            ticker, f"{name}:1: column {', '.join(missing)} is missing; the header must have {','.join(HEADER)}"
        )
    if len(rows) == 1:
        raise InvalidBars(ticker, f"{name}:2: there is no row below the header; add one per session")
    return _checked(rows[1:], header, ticker, name)


def _checked(rows: list[list[str]], header: list[str], ticker: str, name: str) -> Bars:
    for index, row in enumerate(rows):
        if len(row) != len(header):
            found = f"{name}:{index + FIRST_ROW}: {len(row)} fields where the header has {len(header)}"
            raise InvalidBars(ticker, f"{found}; complete the line or delete it", index)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    session = _dates(columns["date"], ticker, name)
    numbers = {column: _numbers(columns[column], column, ticker, name) for column in COLUMNS}
    try:
        return Bars(ticker=ticker, source=Files.name, session=session, **numbers)
    except InvalidBars as error:
        line = f":{error.index + FIRST_ROW}" if error.index is not None else ""
        remedy = "correct the line or delete it"
        raise InvalidBars(ticker, f"{name}{line}: {error.reason}; {remedy}", error.index) from None


def _dates(texts: tuple[str, ...], ticker: str, name: str) -> SessionArray:
    for index, text in enumerate(texts):
        try:
            np.datetime64(text.strip() or "empty", "D")
        except ValueError:
            found = f"{name}:{index + FIRST_ROW}: date {text!r} is not a date"
            raise InvalidBars(ticker, f"{found}; write it as 2024-03-08", index) from None
    return np.array([text.strip() for text in texts], dtype="datetime64[D]")


def _numbers(
    texts: tuple[str, ...], column: str, ticker: str, name: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        index = next(index for index, text in enumerate(texts) if not _is_number(text))
        found = f"{name}:{index + FIRST_ROW}: {column} {texts[index]!r} is not a number"
        raise InvalidBars(ticker, f"{found}; correct the line or delete it", index) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
