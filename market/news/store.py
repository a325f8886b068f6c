"""Articles in the history store: added with source and time of fetch, never rewritten."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from market.history.sqlite_store import HistoryStore
from market.news.article import Article

INSERT_ARTICLE = """
INSERT OR IGNORE INTO news (ticker, source, url, published_at, title, publisher, topics, relevance, tone, fetched_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_FETCH = "INSERT INTO news_fetches (ticker, source, fetched_at) VALUES (?, ?, ?)"
SELECT_ARTICLES = """
SELECT title, url, publisher, published_at, topics, relevance, tone, source FROM news
WHERE ticker = ? ORDER BY published_at DESC LIMIT ?
"""
SELECT_FETCHED_AT = "SELECT max(fetched_at) FROM news_fetches WHERE ticker = ? AND source = ?"
MOST_READ = 5000


class NewsStore:
    """The articles that were ever fetched."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store

    def write(self, ticker: str, source: str, articles: Sequence[Article], fetched_at: datetime) -> None:
        """Add what is new, and note the fetch."""
        moment = fetched_at.timestamp()
        rows = [
            (
                *(ticker, source, one.url, one.published_at.timestamp(), one.title, one.publisher),
                *(json.dumps(one.topics), one.relevance, one.tone, moment),
            )
            for one in articles
        ]
        with self._store.writing() as connection:
            connection.executemany(INSERT_ARTICLE, rows)
            connection.execute(INSERT_FETCH, (ticker, source, moment))

    def read(self, ticker: str) -> list[Article]:
        """The newest articles about `ticker`."""
        with self._store.reading() as connection:
            return [_article(row) for row in connection.execute(SELECT_ARTICLES, (ticker, MOST_READ))]

    def fetched_at(self, ticker: str, source: str) -> datetime | None:
        """When `source` was last asked about `ticker` with success."""
        with self._store.reading() as connection:
            (moment,) = connection.execute(SELECT_FETCHED_AT, (ticker, source)).fetchone()
        return datetime.fromtimestamp(moment, UTC) if moment is not None else None


def _article(row: Sequence[sqlite3.Row]) -> Article:
    title, url, publisher, published_at, topics, relevance, tone, source = row
    moment = datetime.fromtimestamp(float(published_at), UTC)  # type: ignore[arg-type]  # a number
    return Article(title, url, publisher, moment, tuple(json.loads(topics)), relevance, tone, source)  # type: ignore[arg-type]  # as they were written
