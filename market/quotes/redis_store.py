"""The last quote of each ticker, known to all processes."""

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from market.errors import MarketError
from market.history.sqlite_store import HistoryStore, quote_from_json, quote_to_json
from market.providers.quota import DAY
from market.quotes.quote import Quote
from redis_client import trouble

if TYPE_CHECKING:
    from redis import Redis

COOL_DOWN = 5.0  # seconds before Redis is tried again
KEY = "stocks:quote:"
KEPT = 7 * DAY  # seconds in Redis; every machine's store keeps its own for ever

log = logging.getLogger(__name__)


class SharedQuotes:
    """The last quote of each ticker, for all processes: in the store of this machine and, if configured, in Redis."""

    def __init__(self, store: HistoryStore, redis: "Redis | None" = None) -> None:
        self._store = store
        self._redis = redis
        self._skip_until = 0.0

    def read(self, ticker: str) -> Quote | None:
        """The newest one known, None when there is none or nothing can be read."""
        known = [quote for quote in (self._stored(ticker), self._in_redis(ticker)) if quote is not None]
        return max(known, key=lambda quote: quote.fetched_at or quote.at, default=None)

    def write(self, quote: Quote, fetched_at: datetime) -> None:
        """Keep `quote`; trouble is logged, the quote is valid all the same."""
        try:
            self._store.write_quote(quote, fetched_at)
        except (sqlite3.Error, OSError) as error:
            log.error("%s: its quote could not be stored: %s", quote.ticker, error)  # noqa: TRY400  # the line says all
        text = json.dumps({"fetched_at": fetched_at.timestamp(), "quote": quote_to_json(quote)})
        self._ask_redis(lambda redis: redis.set(KEY + quote.ticker, text, ex=KEPT))

    def _stored(self, ticker: str) -> Quote | None:
        try:
            return self._store.read_quote(ticker)
        except (sqlite3.Error, OSError, ValueError, TypeError, MarketError) as error:
            log.error("%s: its stored quote could not be read: %s", ticker, error)  # noqa: TRY400  # the line says all
            return None

    def _in_redis(self, ticker: str) -> Quote | None:
        text = self._ask_redis(lambda redis: redis.get(KEY + ticker))
        try:
            found = json.loads(text) if isinstance(text, bytes | str) else None
            return quote_from_json(found["quote"], found["fetched_at"]) if found else None
        except (ValueError, TypeError, KeyError, MarketError):
            log.warning("%s: its quote in Redis is not one of ours and is ignored", ticker)
            return None

    def _ask_redis(self, use: "Callable[[Redis], object]") -> object:
        if self._redis is None or time.monotonic() < self._skip_until:
            return None
        try:
            return use(self._redis)
        except trouble() as error:
            self._skip_until = time.monotonic() + COOL_DOWN
            log.warning("quotes are shared on this machine alone: %s", type(error).__name__)
            return None
