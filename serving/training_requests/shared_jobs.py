"""What replicas that share a Redis tell each other of the trainings that people asked them for."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from configuration import Settings
from redis_client import AsyncRedis, connect_async, place_of
from redis_client.failures import RedisFailures, RedisUnavailable
from serving.contract.schemas import Retrained
from training_queue.jobs import SECONDS_KEPT

# Seconds.
TIMEOUT = 1.0


class SharedJobs:
    """The jobs of all replicas in Redis; without one, each replica knows its own alone."""

    def __init__(self, redis: AsyncRedis | None) -> None:
        """Share by `redis`; None where none is configured."""
        self._redis = redis
        self._failures = RedisFailures("trainings", place_of(redis))

    @classmethod
    def open(cls, settings: Settings) -> "SharedJobs":
        """By the configured Redis, if there is one."""
        url = settings.cache.redis_url
        return cls(connect_async(url.get_secret_value(), TIMEOUT) if url else None)

    @property
    def are_shared(self) -> bool:
        """Whether a Redis is configured."""
        return self._redis is not None

    async def tell(self, jobs: Sequence[Retrained]) -> None:
        """Tell other replicas how `jobs` of this one stand; they learn nothing while Redis is away."""
        if self._redis is None or not jobs:
            return
        with suppress(RedisUnavailable), self._failures.guarding():
            async with asyncio.timeout(TIMEOUT):
                told = self._redis.pipeline(transaction=False)
                for job in jobs:
                    told.set(_key(job.job_id), job.model_dump_json(), ex=int(SECONDS_KEPT))
                await told.execute()

    async def find(self, job_id: str) -> Retrained | None:
        """The job of another replica as it stood about a second ago, if there is one.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        if self._redis is None:
            return None
        with self._failures.guarding():
            async with asyncio.timeout(TIMEOUT):
                (found,) = await self._redis.mget([_key(job_id)])
        return _read(found)

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose()


def _key(job_id: str) -> str:
    return f"stocks:trainings:{job_id}"


def _read(text: bytes | None) -> Retrained | None:
    """As it was told; what another release has written, and this one cannot read, counts as nothing."""
    with suppress(ValueError):
        return Retrained.model_validate_json(text or b"")
    return None
