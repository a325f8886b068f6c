"""Where the process that has the streams shows their newest prices to all others: one value, replaced as a whole."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from concurrency.atomic_file import replace_file
from market.errors import MarketError
from market.quotes.quote import Quote
from redis_client import place_of
from redis_client.failures import RedisFailures, RedisUnavailable

if TYPE_CHECKING:
    from redis import Redis

LIFE_MILLISECONDS = 10_000  # in Redis, after the last word of the process that wrote it

log = structlog.get_logger(__name__)


class _Price(msgspec.Struct, frozen=True, array_like=True):
    ticker: str
    price: float
    at: datetime
    source: str
    fetched_at: datetime


class Shown(msgspec.Struct, frozen=True):
    """What is on the board.

    Attributes:
        beat: another one each time it is written, so that readers see by their own clock whether the writer lives.
    """

    beat: str
    prices: tuple[_Price, ...]

    def quotes(self) -> dict[str, Quote]:
        """By ticker.

        Raises:
            MarketError: one of them is no price.
        """
        return {
            one.ticker: Quote(one.ticker, one.price, one.at, one.source, fetched_at=one.fetched_at)
            for one in self.prices
        }


class Board:
    """The board in Redis, where that is configured, and in a file for the processes of this machine.

    Args:
        path: of the file.
        name: of the value in Redis.
    """

    def __init__(self, path: Path, redis: "Redis | None" = None, name: str = "stocks:streams") -> None:
        self._path = path
        self._redis = redis
        self._name = name
        self._failures = RedisFailures("streamed prices", place_of(redis))
        self._told = ""

    def write(self, beat: str, quotes: Mapping[str, Quote]) -> None:
        """Replace what is shown; a place that fails is logged once, the other one is enough."""
        prices = tuple(
            _Price(quote.ticker, quote.price, quote.at, quote.source, quote.fetched_at or quote.at)
            for quote in quotes.values()
        )
        text = msgspec.json.encode(Shown(beat, prices))
        self._ask_redis(lambda redis: redis.set(self._name, text, px=LIFE_MILLISECONDS))
        try:
            with replace_file(self._path, durable=False) as file:
                file.write(text)
            self._told = ""
        except OSError as error:
            self._tell(str(error.strerror))

    def read(self) -> tuple[str, dict[str, Quote]] | None:
        """The beat and the quotes that are shown; None when nothing is, or nothing can be read."""
        for text in (self._ask_redis(lambda redis: redis.get(self._name)), self._in_file()):
            if isinstance(text, bytes):
                with suppress(msgspec.MsgspecError, MarketError, UnicodeDecodeError):
                    shown = msgspec.json.decode(text, type=Shown)
                    return shown.beat, shown.quotes()
        return None

    def _in_file(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            log.error("stream.not_shown", file=str(self._path), reason=reason)

    def _ask_redis(self, use: "Callable[[Redis], object]") -> object:
        if self._redis is not None:
            with suppress(RedisUnavailable), self._failures.guarding():
                return use(self._redis)
        return None
