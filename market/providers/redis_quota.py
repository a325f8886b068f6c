"""Quotas counted in Redis, for all processes of all machines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyrate_limiter import Rate, RedisBucket
from pyrate_limiter.abstracts import AbstractBucket
from pyrate_limiter.buckets.redis_bucket import LuaScript
from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis import Redis

# The library counts up to the time of whoever asks, and so overlooks what a clock just ahead of his has counted.
SCRIPT = LuaScript.PUT_ITEM.replace("window_start, now)", "window_start, '+inf')")


@dataclass(frozen=True, slots=True)
class RedisBuckets:
    """Counters in Redis, one sorted set for each provider."""

    client: "Redis"

    def bucket(self, provider: str, rates: list[Rate]) -> AbstractBucket:
        """The provider's counter; raises what `redis_client.trouble` says while Redis is away."""
        return _Bucket(rates, self.client, f"stocks:quota:{provider}", self.client.script_load(SCRIPT))


class _Bucket(RedisBucket):
    """Tells Redis its script again when it is forgotten by one that began anew, or unknown to one that took over."""

    def _check_and_insert(self, item: Any) -> Any:
        try:
            return super()._check_and_insert(item)
        except NoScriptError:
            self.redis.script_load(SCRIPT)
            return super()._check_and_insert(item)
