"""The tables of the history store, version by version.

A change of them is a further step in `MIGRATIONS`; steps that a release has shipped with never change.
"""

# Version 1; files from before versions hold the same tables.
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS fetches (
        id INTEGER PRIMARY KEY, series INTEGER NOT NULL, ticker TEXT NOT NULL, source TEXT NOT NULL,
        adjustment TEXT NOT NULL, fetched_at REAL NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS fetches_of_ticker ON fetches (ticker, series, id)",
    """
    CREATE TABLE IF NOT EXISTS bars (
        series INTEGER NOT NULL, session INTEGER NOT NULL, fetch INTEGER NOT NULL,
        open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
        adj_close REAL,
        PRIMARY KEY (series, session, fetch)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS actions (
        series INTEGER NOT NULL, session INTEGER NOT NULL, kind TEXT NOT NULL, fetch INTEGER NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (series, session, kind, fetch)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS quotes (
        ticker TEXT PRIMARY KEY, fetched_at REAL NOT NULL, quote TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE VIEW IF NOT EXISTS daily AS
        SELECT f.ticker, date(b.session * 86400, 'unixepoch') AS session, b.open, b.high, b.low, b.close, b.volume,
               b.adj_close, f.source, f.adjustment, datetime(f.fetched_at, 'unixepoch') AS fetched_at
        FROM bars b JOIN fetches f ON f.id = b.fetch
        WHERE b.series = (SELECT max(series) FROM fetches WHERE ticker = f.ticker)
          AND b.fetch = (SELECT max(fetch) FROM bars WHERE series = b.series AND session = b.session)
    """,
)
# Version 2: report dates, past ones and what each fetch said of the next one.
REPORTS = (
    """
    CREATE TABLE reports (
        ticker TEXT NOT NULL, source TEXT NOT NULL, filed_on INTEGER NOT NULL, timing TEXT NOT NULL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (ticker, source, filed_on, timing)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE report_fetches (
        id INTEGER PRIMARY KEY, ticker TEXT NOT NULL, source TEXT NOT NULL, fetched_at REAL NOT NULL,
        announced_on INTEGER, announced_timing TEXT
    )
    """,
    "CREATE INDEX report_fetches_of_ticker ON report_fetches (ticker, source, id)",
)
# Version 3: articles, and when they were asked for.
NEWS = (
    """
    CREATE TABLE news (
        ticker TEXT NOT NULL, source TEXT NOT NULL, url TEXT NOT NULL, published_at REAL NOT NULL,
        title TEXT NOT NULL, publisher TEXT NOT NULL, topics TEXT NOT NULL, relevance REAL, tone REAL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (ticker, source, url)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX news_of_ticker ON news (ticker, published_at)",
    """
    CREATE TABLE news_fetches (
        id INTEGER PRIMARY KEY, ticker TEXT NOT NULL, source TEXT NOT NULL, fetched_at REAL NOT NULL
    )
    """,
    "CREATE INDEX news_fetches_of_ticker ON news_fetches (ticker, source, fetched_at)",
)
MIGRATIONS = (TABLES, REPORTS, NEWS)
