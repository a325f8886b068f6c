"""Bars from a directory of `TICKER.csv` files."""

import asyncio
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np

from market.bars import COLUMNS, Bars, SessionArray
from market.calendar.sessions import Sessions, utc_now
from market.csv_file import FIRST_ROW, check_all_fields, columns_of, dates_of, is_date, read_rows
from market.errors import InvalidBars, InvalidFile, UnknownTicker, Unreachable
from market.providers.configured import Resources
from market.providers.file_versions import FileVersions, Version
from market.providers.provider import LimitedProvider
from market.quotes.quote import Quote
from market.series import Adjustment, Series

HEADER = ("date", *COLUMNS)
KNOWN = (*HEADER, "adj_close")
# Whole series that are held; of every other ticker the last bars are, which its quote is read from.
MOST_KNOWN, TAIL_SESSIONS = 512, 10

NOTHING: tuple[None, None] = (None, None)


class Files:
    """Reads `TICKER.csv` from one directory, again whenever a file has changed."""

    name = "files"
    is_local = True
    full_history = True

    def __init__(self, directory: Path, sessions: Sessions) -> None:
        self._directory = str(directory)
        self._sessions = sessions
        self._known: OrderedDict[str, tuple[Version, Series]] = OrderedDict()
        self._tails: dict[str, tuple[Version, Series]] = {}
        self._versions = FileVersions(lambda ticker: _version(self._path(ticker)))

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:  # noqa: ARG002  # always all
        """All bars of the ticker's file, the same object until the file changes.

        Raises:
            UnknownTicker: there is no such file.
            InvalidBars: naming file, line and remedy.
        """
        version, series = self._known.get(ticker, NOTHING)
        if series is not None and version is not None and self.was_version(ticker, version):
            return series
        return await asyncio.to_thread(self._read, ticker)

    async def quote(self, ticker: str) -> Quote:
        """The last close, at the time its session closed; of a running session in the file its price of now."""
        now = utc_now()
        version, tail = self._tails.get(ticker, NOTHING)
        if tail is None or version is None or not self.was_version(ticker, version):
            tail = await asyncio.to_thread(self._tail, ticker)
        bars = tail.until(self._sessions.begun(now)).bars
        return Quote(ticker, float(bars.close[-1]), min(self._sessions.closes(bars.session[-1]), now), self.name)

    def version_of(self, series: Series) -> Version | None:
        """Which version of its file a series is, while it is known; without input or output."""
        version, known = self._known.get(series.ticker, (None, None))
        return version if known is series else None

    def is_version(self, ticker: str, version: Version) -> bool:
        """Whether the ticker's file is still that version."""
        try:
            return _version(self._path(ticker)) == version
        except OSError:
            return False

    def was_version(self, ticker: str, version: Version) -> bool:
        """Whether it was that version a moment ago, as far as that is known; without input or output."""
        return self._versions.lately(ticker, self._tails) == version

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read(self, ticker: str) -> Series:
        path = self._path(ticker)
        try:
            version, (known, series) = _version(path), self._known.get(ticker, NOTHING)
            if series is not None and known == version:
                return series
            series = parse_csv(Path(path).read_bytes(), ticker, path)
        except FileNotFoundError:
            raise UnknownTicker(
                f"{ticker}: no file {path}; put its bars there, or leave the ticker out of STOCKS_TICKERS"
            ) from None
        except OSError as error:
            raise Unreachable(f"{ticker}: {path}: {error.strerror}; let the service read it") from None
        self._known[ticker] = (version, series)
        self._known.move_to_end(ticker)
        self._tails[ticker] = (version, series.last(TAIL_SESSIONS))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return series

    def _tail(self, ticker: str) -> Series:
        """The last bars, which are held of every ticker, since the whole file takes long to read."""
        version, tail = self._tails.get(ticker, NOTHING)
        if tail is not None and version is not None and self.is_version(ticker, version):
            return tail
        return self._read(ticker)

    def _path(self, ticker: str) -> str:
        return f"{self._directory}/{ticker}.csv"


def _version(path: str) -> Version:
    status = os.stat(path)  # noqa: PTH116  # a third of the time of a path object's, for thousands of files
    return status.st_mtime_ns, status.st_size, status.st_ino


def build(resources: Resources) -> LimitedProvider | None:
    """The provider, when a directory is configured."""
    directory = resources.settings.market.files.directory
    return LimitedProvider(Files(directory, resources.sessions)) if directory else None


def parse_csv(content: bytes, ticker: str, name: str) -> Series:
    """A series from the text of a CSV file.

    Args:
        content: UTF-8, header with at least `date,open,high,low,close,volume` in any order, and `adj_close` if known;
            ISO dates ascending.
        name: of the file, for errors.

    Raises:
        InvalidBars: `name:line: reason; remedy`.
    """
    try:
        rows = read_rows(content, name)
        header = columns_of(rows, HEADER, KNOWN, name)
        check_all_fields(rows, name)
    except InvalidFile as error:
        raise InvalidBars(ticker, str(error)) from None
    if len(rows) == 1:
        raise InvalidBars(ticker, f"{name}:2: there is no row below the header; add one per session")
    return _checked(rows[1:], header, ticker, name)


def _checked(rows: list[list[str]], header: list[str], ticker: str, name: str) -> Series:
    texts = dict(zip(header, zip(*rows, strict=True), strict=True))
    session = _dates(texts["date"], ticker, name)
    given = [column for column in KNOWN[1:] if column in texts]
    numbers = {column: _numbers(texts[column], column, ticker, name) for column in given}
    adj_close = numbers.pop("adj_close", None)
    try:
        bars = Bars(ticker=ticker, source=Files.name, session=session, **numbers)
        return Series(bars, Adjustment.UNKNOWN, adj_close=adj_close)
    except InvalidBars as error:
        line = f":{error.index + FIRST_ROW}" if error.index is not None else ""
        raise InvalidBars(ticker, f"{name}{line}: {error.reason}; {_remedy(error.reason)}", error.index) from None


def _remedy(reason: str) -> str:
    if reason.endswith("before the one above it"):
        return "sort the file by date, oldest first"
    if reason.endswith("stands there twice"):
        return "delete one of the two lines"
    return "correct the line or delete it"


def _dates(texts: tuple[str, ...], ticker: str, name: str) -> SessionArray:
    stripped = [text.strip() for text in texts]
    if (dates := dates_of(stripped)) is not None:
        return dates
    index = next(index for index, text in enumerate(stripped) if not is_date(text))
    found = f"{name}:{index + FIRST_ROW}: date {texts[index]!r} is not a date"
    raise InvalidBars(ticker, f"{found}; write it as 2024-03-08", index)


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
