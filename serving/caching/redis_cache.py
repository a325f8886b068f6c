"""The cache in Redis that all workers and replicas share; without it the service works, only slower."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TypeVar

from concurrency.micro_batcher import MicroBatcher
from configuration import Settings
from redis_client import AsyncRedis, connect_async, place_of
from redis_client.failures import RedisFailures, RedisUnavailable
from serving.contract.predictions import Prediction
from serving.telemetry import metrics

# Seconds; a cache that answers later than this is slower than computing.
TIMEOUT = 0.05
# After which it is left alone: one call may be late on a busy machine.
FAILURES_IN_A_ROW = 3

Result = TypeVar("Result")
# Key, value and life in milliseconds.
Write = tuple[str, bytes, int]


class RedisCache:
    """Bytes by name in Redis. A failure is counted, logged once, and answered as a miss."""

    def __init__(self, redis: AsyncRedis | None, namespace: str) -> None:
        """Keep values of `namespace`, which no other release or configuration reads.

        Args:
            redis: None when none is configured.
        """
        self._redis = redis
        self._namespace = namespace
        self.place = place_of(redis)
        self._failures = RedisFailures(
            "answers", self.place, failures=FAILURES_IN_A_ROW, on_failure=metrics.REDIS_FAILURES.inc, now=monotonic
        )
        self._reads = MicroBatcher[str, bytes | None](self._read)
        self._writes = MicroBatcher[Write, None](self._write)
        self._writing: set[asyncio.Task[None]] = set()

    @classmethod
    def open(cls, settings: Settings) -> "RedisCache":
        """Open the configured cache."""
        url = settings.cache.redis_url
        return cls(connect_async(url.get_secret_value(), TIMEOUT) if url else None, namespace_of(settings))

    @property
    def configured(self) -> bool:
        """Tell whether Redis is configured."""
        return self._redis is not None

    @property
    def problem(self) -> str:
        """What Redis did when it failed last."""
        return self._failures.problem

    async def working(self) -> bool:
        """Tell whether Redis answers now."""
        return await self._attempt(lambda redis: redis.ping(), patient=True) is not None

    async def get(self, name: str) -> bytes | None:
        """Return the value of `name`, if there is one; names asked for at the same moment are read in one call."""
        return await self._reads.ask(name) if self._usable() else None

    def put(self, name: str, value: bytes, seconds: float) -> None:
        """Keep `value` for `seconds`, without waiting for it."""
        if seconds > 0 and self._usable():
            task = asyncio.create_task(self._writes.ask((self._key(name), value, int(1000 * seconds))))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def drop(self, names: Sequence[str]) -> None:
        """Delete `names`."""
        if names and self._usable():
            await self._attempt(lambda redis: redis.delete(*map(self._key, names)))

    async def close(self) -> None:
        """Finish pending writes and close the connections."""
        await asyncio.gather(*self._writing)
        if self._redis is not None:
            await self._redis.aclose()

    def _usable(self) -> bool:
        return self._redis is not None and not self._failures.is_open

    def _key(self, name: str) -> str:
        return f"{self._namespace}:{name}"

    async def _read(self, names: Sequence[str]) -> Sequence[bytes | None]:
        keys = [self._key(name) for name in names]
        values = await self._attempt(lambda redis: redis.mget(keys))
        return values if values is not None else [None] * len(names)

    async def _write(self, writes: Sequence[Write]) -> Sequence[None]:
        def all_of_them(redis: AsyncRedis) -> Awaitable[object]:
            pipeline = redis.pipeline(transaction=False)
            for key, value, milliseconds in writes:
                pipeline.set(key, value, px=milliseconds)
            return pipeline.execute()  # type: ignore[no-any-return]  # a client's own type

        await self._attempt(all_of_them)
        return [None] * len(writes)

    async def _attempt(self, use: Callable[[AsyncRedis], Awaitable[Result]], *, patient: bool = False) -> Result | None:
        if self._redis is None:
            return None
        with suppress(RedisUnavailable), self._failures.guarding(even_when_open=patient):
            async with asyncio.timeout(10 * TIMEOUT if patient else 3 * TIMEOUT):
                return await use(self._redis)
        return None


def namespace_of(settings: Settings) -> str:
    """Return a name that changes with the shape of the values and the sources of prices."""
    shape = json.dumps(Prediction.model_json_schema(), sort_keys=True)
    prices = (settings.market.providers, str(settings.market.files.directory), settings.exchange, settings.currency)
    return "stocks:" + hashlib.sha256(f"{shape}{prices}".encode()).hexdigest()[:12]
