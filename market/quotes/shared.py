"""The last quote of each ticker, known to all processes."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from configuration import Settings
from market.errors import MarketError
from market.history.sqlite_store import HistoryStore
from market.providers.quotas.quota import DAY_SECONDS
from market.quotes.quote import Quote
from market.quotes.quote_json import quote_from_json, quote_to_json
from redis_client import place_of
from redis_client.failures import RedisFailures, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis

REDIS_TTL_SECONDS = 7 * DAY_SECONDS  # every machine's own store keeps its quotes for ever

log = structlog.get_logger(__name__)


def quotes_namespace(settings: Settings) -> str:
    """A prefix of names in Redis that changes with all that decides what a quote of a ticker means."""
    market = settings.market
    sources = [(name, getattr(getattr(market, name, None), "base_url", None)) for name in sorted(market.providers)]
    meaning = json.dumps([settings.exchange, settings.currency, sources])
    return f"stocks:quotes:{hashlib.sha256(meaning.encode()).hexdigest()[:12]}"


class SharedQuotes:
    """The last quote of each ticker, for all processes: in the store of this machine and, if configured, in Redis.

    Args:
        namespace: of the names in Redis; processes that quote from other sources have another.
    """

    def __init__(self, store: HistoryStore, redis: "Redis | None" = None, namespace: str = "stocks:quotes") -> None:
        self._store = store
        self._redis = redis
        self._namespace = namespace
        self._failures = RedisFailures("quotes", place_of(redis))

    def read(self, ticker: str) -> Quote | None:
        """The newest one known, None when there is none or nothing can be read."""
        known = [quote for quote in (self._stored(ticker), self._in_redis(ticker)) if quote is not None]
        return max(known, key=lambda quote: quote.fetched_at or quote.at, default=None)

    def write(self, quote: Quote, fetched_at: datetime) -> None:
        """Store `quote`; a failure is logged, the quote is valid all the same."""
        try:
            self._store.write_quote(quote, fetched_at)
        except (sqlite3.Error, OSError) as error:
            log.error("quote.not_stored", ticker=quote.ticker, reason=str(error))  # noqa: TRY400  # the line says all
        text = json.dumps({"fetched_at": fetched_at.timestamp(), "quote": quote_to_json(quote)})
        self._ask_redis(lambda redis: redis.set(self._key(quote.ticker), text, ex=REDIS_TTL_SECONDS))

    def _stored(self, ticker: str) -> Quote | None:
        try:
            return self._store.read_quote(ticker)
        except (sqlite3.Error, OSError, ValueError, TypeError, KeyError, MarketError) as error:
            log.error("quote.unreadable", ticker=ticker, reason=str(error))  # noqa: TRY400  # the line says all
            return None

    def _in_redis(self, ticker: str) -> Quote | None:
        text = self._ask_redis(lambda redis: redis.get(self._key(ticker)))
        try:
            found = json.loads(text) if isinstance(text, bytes | str) else None
            return quote_from_json(found["quote"], found["fetched_at"]) if found else None
        except (ValueError, TypeError, KeyError, MarketError):
            log.warning("redis.unrecognised_value_ignored", key=self._key(ticker))
            return None

    def _key(self, ticker: str) -> str:
        return f"{self._namespace}:{ticker}"

    def _ask_redis(self, use: "Callable[[Redis], object]") -> object:
        if self._redis is not None:
            with suppress(RedisUnavailable), self._failures.guarding():
                return use(self._redis)
        return None
