"""Forecasts that were already made from exactly the same inputs."""

import hashlib
from collections.abc import Awaitable, Callable

import numpy as np
from pydantic import TypeAdapter

from forecasting.distribution import Forecast
from forecasting.reports.schedule import FilingChances
from market.bars import COLUMNS, Bars
from serving.caching.memory_cache import MemoryCache
from serving.caching.redis_cache import RedisCache

CAPACITY = 4096

_FORECAST = TypeAdapter(Forecast)


class ForecastCache:
    """Forecasts by model and bars, in memory and in Redis, so that identical inputs are computed once by all workers.

    A quote is among the inputs while its session runs, as the close of the last bar; otherwise it only scales returns
    to prices.
    """

    def __init__(self, redis_cache: RedisCache, ttl: float) -> None:
        """Keep forecasts for `ttl` seconds."""
        self._redis_cache = redis_cache
        self._ttl = ttl
        self._memory = MemoryCache[str, Forecast](CAPACITY)

    async def get(
        self,
        model: str,
        bars: Bars,
        reports: FilingChances,
        horizon: int,
        make: Callable[[], Awaitable[Forecast]],
        *,
        shared_seconds: float = float("inf"),
    ) -> tuple[Forecast, bool]:
        """The forecast of `model` for `bars` and `reports`, made now when it is not known; and whether it was known.

        Args:
            shared_seconds: for which it is of use to other workers, if that is shorter.

        Raises:
            Exception: what `make` raises; nothing is kept then.
        """
        name = f"forecast:{model}:{bars.ticker}:{horizon}:{fingerprint(bars, reports)}"
        known = self._memory.get(name) or await self._from_redis(name)
        forecast = known or await make()
        if known is None:
            self._redis_cache.put(name, _FORECAST.dump_json(forecast), min(self._ttl, shared_seconds))
        self._memory.put(name, forecast, self._ttl)
        return forecast, known is not None

    async def _from_redis(self, name: str) -> Forecast | None:
        text = await self._redis_cache.get(name)
        try:
            return _FORECAST.validate_json(text) if text else None
        except ValueError:
            return None


def fingerprint(bars: Bars, reports: FilingChances) -> str:
    """Name of the inputs' content: equal for equal bars of one source and equal chances of reports."""
    digest = hashlib.blake2b(bars.source.encode(), digest_size=16)
    for column in ("session", *COLUMNS):
        digest.update(getattr(bars, column).view(np.uint8))
    for known in (reports.chance, reports.same_session, reports.covered):
        digest.update(known.tobytes())
    return digest.hexdigest()
