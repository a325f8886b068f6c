"""What replicas that share a Redis tell each other of their experiments."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from configuration import Settings
from redis_client import AsyncRedis, connect_async, place_of
from redis_client.failures import RedisFailures, RedisUnavailable
from serving.experiments.states import State

# Seconds; nobody waits for it.
TIMEOUT = 1.0


class Replicas:
    """The newest state of each experiment in Redis; without one, or while it fails, each replica goes by its own."""

    def __init__(self, redis: AsyncRedis | None) -> None:
        """Share by `redis`; None where none is configured."""
        self._redis = redis
        self._failures = RedisFailures("experiments", place_of(redis))

    @classmethod
    def open(cls, settings: Settings) -> "Replicas":
        """By the configured Redis, if there is one."""
        url = settings.cache.redis_url
        return cls(connect_async(url.get_secret_value(), TIMEOUT) if url else None)

    async def newer_than(self, states: Mapping[str, State]) -> dict[str, State]:
        """The states that another replica changed later than these; it is told of those that are newer here.

        Args:
            states: of this replica's experiments, by name.
        """
        if self._redis is None:
            return {}
        with suppress(RedisUnavailable), self._failures.guarding():
            async with asyncio.timeout(TIMEOUT):
                return await _exchange(self._redis, states)
        return {}

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose()


async def _exchange(redis: AsyncRedis, states: Mapping[str, State]) -> dict[str, State]:
    texts = await redis.mget([_key(name) for name in states])
    theirs = {name: _read(text) for name, text in zip(states, texts, strict=True)}
    told = redis.pipeline(transaction=False)
    for name, state in states.items():
        if state.changed_at > theirs[name].changed_at:
            told.set(_key(name), msgspec.json.encode(state))
    await told.execute()
    return {name: state for name, state in theirs.items() if state.changed_at > states[name].changed_at}


def _key(name: str) -> str:
    return f"stocks:experiments:{name}"


def _read(text: bytes | None) -> State:
    """As it was told; what cannot be read counts as nothing, and is told anew."""
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(text or b"", type=State)
    return State()
