"""News from one CSV file, `ticker,published_at,title,url[,publisher,topics,tone]`."""

import threading
from collections.abc import Mapping
from pathlib import Path

from configuration import is_ticker
from market.csv_file import FIRST_ROW, check_fields, columns_of, read_rows
from market.errors import InvalidFile, Malformed
from market.news.article import LONGEST_NAME, LONGEST_TITLE, MOST_TOPICS, Article, plain, web_address
from market.providers import parsing

NAME = "files"
REQUIRED = ("ticker", "published_at", "title", "url")
KNOWN = (*REQUIRED, "publisher", "topics", "tone")


class NewsFile:
    """Reads the file, again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._known: Mapping[str, list[Article]] = {}
        self._lock = threading.Lock()

    def articles(self, ticker: str) -> list[Article]:
        """Every article about `ticker` in the file.

        Raises:
            InvalidFile: naming file, line and remedy.
        """
        with self._lock:
            try:
                status = self._path.stat()
                version = (status.st_mtime_ns, status.st_size, status.st_ino)
                if version != self._version:
                    self._known = parse_csv(self._path.read_bytes(), str(self._path))
                    self._version = version
            except OSError as error:
                remedy = "name a readable file in market.files.news"
                raise InvalidFile(f"{self._path}: {error.strerror}; {remedy}") from None
            return list(self._known.get(ticker, ()))


def parse_csv(content: bytes, name: str) -> dict[str, list[Article]]:
    """Articles by ticker.

    Args:
        content: UTF-8; times in ISO form, UTC where they name no zone; topics separated by `;`; tone from -1 to 1.
        name: of the file, for errors.

    Raises:
        InvalidFile: `name:line: reason; remedy`.
    """
    rows = read_rows(content, name)
    header = columns_of(rows, REQUIRED, KNOWN, name)
    found: dict[str, list[Article]] = {}
    for line, row in enumerate(rows[1:], FIRST_ROW):
        check_fields(row, header, line, name)
        fields = {column: text.strip() for column, text in zip(header, row, strict=True)}
        ticker = fields["ticker"].upper()
        if not is_ticker(ticker):
            raise InvalidFile(f"{name}:{line}: ticker {fields['ticker']!r} is not a ticker; write it as AAPL")
        found.setdefault(ticker, []).append(_article(fields, f"{name}:{line}"))
    return found


def _article(fields: Mapping[str, str], place: str) -> Article:
    title, url = plain(fields["title"], LONGEST_TITLE), web_address(fields["url"])
    if not title:
        raise InvalidFile(f"{place}: the title is empty; give one or delete the line")
    if url is None:
        raise InvalidFile(f"{place}: url is not an address; write it as https://example.com/article")
    try:
        published_at = parsing.moment(fields["published_at"], NAME)
        tone = parsing.number(fields["tone"], NAME, "tone") if fields.get("tone") else None
    except Malformed:
        raise InvalidFile(
            f"{place}: published_at or tone cannot be read; write 2024-03-08T14:30:00Z and 0.25"
        ) from None
    if tone is not None and not -1 <= tone <= 1:
        raise InvalidFile(f"{place}: tone {tone:g} is not between -1 and 1; correct it")
    topics = (plain(topic, LONGEST_NAME).lower() for topic in fields.get("topics", "").split(";")[:MOST_TOPICS])
    return Article(
        title,
        url,
        plain(fields.get("publisher", ""), LONGEST_NAME),
        published_at,
        tuple(topic for topic in topics if topic),
        relevance=1.0,
        tone=tone,
        source=NAME,
    )
