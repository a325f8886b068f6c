"""Quotas counted in Redis, for all processes of all machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyrate_limiter import Rate, RedisBucket
from pyrate_limiter.abstracts import AbstractBucket
from pyrate_limiter.buckets.redis_bucket import LuaScript
from redis.exceptions import NoScriptError

from redis_client import trouble

if TYPE_CHECKING:
    from redis import Redis

# The library counts up to the asking clock's time and so overlooks what a clock just ahead of it has counted.
SCRIPT = LuaScript.PUT_ITEM.replace("window_start, now)", "window_start, '+inf')")


@dataclass(frozen=True, slots=True)
class RedisCounters:
    """Counters in Redis, one sorted set for each provider."""

    client: "Redis"
    description = "in Redis"

    @staticmethod
    def failures() -> tuple[type[Exception], ...]:
        """Errors of Redis and of the network."""
        return trouble()

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """The provider's counter."""
        return _Bucket(rates, self.client, f"stocks:quota:{provider}", self.client.script_load(SCRIPT))

    def recover(self, error: Exception) -> None:
        """Do nothing: Redis comes back by itself."""


class _Bucket(RedisBucket):
    """Loads its script again when a Redis that began anew, or took over, does not know it."""

    def _check_and_insert(self, item: Any) -> Any:
        try:
            return super()._check_and_insert(item)
        except NoScriptError:
            self.redis.script_load(SCRIPT)
            return super()._check_and_insert(item)
