"""Predictions through the caches; every endpoint shares this, and it alone counts what was served."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Literal

import structlog

from concurrency.single_flight import SingleFlight
from configuration import Settings
from forecasting.distribution import Forecast
from serving.caching.memory_cache import MemoryCache
from serving.caching.redis_cache import RedisCache
from serving.contract.predictions import Prediction, Predictions, TickerProblem
from serving.contract.problems import LONGEST_ECHO, Problem, unavailable
from serving.contract.validation import Asked, check_count, check_horizon, check_ticker
from serving.predictions.prediction_log import PredictionLog
from serving.predictions.predictor import Predictor
from serving.predictions.rendered import CacheLayer, Rendered, Served
from serving.telemetry import metrics
from serving.telemetry.batches import counter
from serving.telemetry.timing import stage

log = structlog.get_logger(__name__)

# A caller waits so long for a fresh answer when an old one is at hand.
STALE_AFTER_SECONDS = 0.05
# An answer of the baseline lives so long when a model should have made it.
FALLBACK_TTL_SECONDS = 5.0
# An answer is kept in Redis so long for the case that everything else fails.
LAST_RESORT_TTL_SECONDS = 86400.0
RETRY_AFTER_SECONDS = 5
# An answer in Redis that lives no longer holds a streamed price, of which this worker may know a newer one.
LEAST_SHARED_SECONDS = 1.0
# Of one request for many tickers so many are computed side by side, so that other requests need not wait for all.
COMPUTED_AT_ONCE = 32

Key = tuple[str, int]


class CachedPredictor:
    """Memory, Redis, one computation for all who wait for the same, and an earlier answer when all of that fails.

    Attributes:
        log: of computed predictions; what it holds back is written with each of its `write`.
    """

    def __init__(
        self,
        settings: Settings,
        predictor: Predictor,
        redis_cache: RedisCache,
        *,
        model: Callable[[str, int], str],
        wanted: Callable[[str, int], None],
        note: Callable[[Prediction, Forecast], None],
        arm: Callable[[str, int, str], str] = lambda _ticker, _horizon, _model: "",
    ) -> None:
        """Wire the parts.

        Args:
            model: returns the tag of the model that answers for a ticker and horizon.
            wanted: called with each ticker and horizon that somebody asked for and that has no model.
            note: called with each prediction that was computed, and its forecast.
            arm: returns which arm of which experiment the model with a tag is for a ticker and horizon; empty for none.
        """
        self._settings = settings
        self._tickers = frozenset(settings.tickers)
        self._predictor = predictor
        self._redis_cache = redis_cache
        self._model = model
        self._wanted = wanted
        self._note = note
        self._arm = arm
        self._memory = MemoryCache[Key, Rendered](len(settings.tickers) * len(settings.horizons))
        self._computing = SingleFlight[Served]()
        self.log = PredictionLog()

    def hit(self, ticker: str, horizon: int) -> Rendered | None:
        """Return the answer in memory while it lives, and count it; without I/O and checks of what was asked."""
        answer = self._memory.get((ticker, horizon)) or self._memory.get((ticker.upper(), horizon))
        if answer is not None:
            self._count(answer, "memory")
        return answer

    def in_memory(self, ticker: str, horizon: int) -> Rendered | None:
        """Return the answer in memory while it lives."""
        return self._memory.get((ticker, horizon))

    async def answer(self, ticker: str, horizon: int, *, fresh: bool = False) -> Served:
        """Answer for one ticker, and count it.

        Args:
            fresh: whether it must be computed now, for this caller alone.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 503 when nothing is known.
        """
        key = (ticker if ticker in self._tickers else check_ticker(ticker, self._settings), horizon)
        check_horizon(horizon, self._settings)
        served = await (self._compute(key, fresh=True) if fresh else self._from_caches(key))
        self._count(served.answer, "bypass" if fresh else served.layer)
        return served

    async def describe(self, ticker: str, horizon: int, asked: Asked, *, fresh: bool = False) -> Served:
        """The same, with more of the distribution in the answer.

        Raises:
            Problem: as `answer`.
        """
        served = await self.with_forecast(ticker, horizon, fresh=fresh)
        return Served(served.answer.describing(asked), served.layer)

    async def with_forecast(self, ticker: str, horizon: int, *, fresh: bool = False) -> Served:
        """The same as `answer`, with the forecast that the prediction was made from.

        Raises:
            Problem: as `answer`.
        """
        served = await self.answer(ticker, horizon, fresh=fresh)
        if served.answer.forecast is not None:
            return served
        # Redis has the body alone; the forecast behind it is kept too.
        return Served((await self._compute((served.answer.prediction.ticker, horizon))).answer, served.layer)

    async def prepare(self, ticker: str, horizon: int) -> None:
        """Compute the answer unless a cache has it, and count nothing: no client asks.

        Raises:
            Problem: 503 when nothing is known.
        """
        await self._from_caches((ticker, horizon))

    async def newest(self, ticker: str, horizon: int, since: datetime | None = None) -> Rendered:
        """The answer with the price of `since` or a later one, however long that takes; nothing is counted.

        Raises:
            Problem: 503 when nothing is known.
        """
        key = (ticker, horizon)
        known = self.in_memory(*key)
        if known is not None and (since is None or known.prediction.data.as_of >= since):
            return known
        had_begun = self._computing.has_begun(f"{key}")
        try:
            answer = (await self._computing.join(f"{key}", lambda: self._refresh(key))).answer
            if had_begun and since is not None and answer.prediction.data.as_of < since:
                # What was under way had taken its price before that one came.
                answer = (await self._computing.join(f"{key}", lambda: self._refresh(key))).answer
        except Exception:
            old = self._memory.get_old(key)
            if old is None:
                raise
            return old[0].marked_stale()
        return answer

    async def predict_many(self, tickers: list[str], horizon: int) -> Predictions:
        """Answer for several tickers; one that fails, or is not answered in time, is a problem and spoils no other.

        Raises:
            Problem: 422 for a horizon that is not configured, or more tickers than may be asked for.
        """
        check_count(tickers, self._settings)
        check_horizon(horizon, self._settings)
        until = asyncio.get_running_loop().time() + self._settings.serving.deadline
        places = asyncio.Semaphore(COMPUTED_AT_ONCE)
        outcomes = await asyncio.gather(*(self._in_turn(ticker, horizon, places, until) for ticker in tickers))
        return Predictions(
            predictions=[outcome for outcome in outcomes if isinstance(outcome, Prediction)],
            problems=[outcome for outcome in outcomes if isinstance(outcome, TickerProblem)],
        )

    def expire(self, ticker: str, horizon: int) -> None:
        """Have the next answer computed: the model or the bars have changed."""
        self._memory.expire((ticker, horizon))

    async def forget(self, ticker: str) -> None:
        """The same for all horizons, in Redis too."""
        for horizon in self._settings.horizons:
            self.expire(ticker, horizon)
        keys = [(ticker, horizon) for horizon in self._settings.horizons]
        await self._redis_cache.drop([_name(key, self._model(*key)) for key in keys])

    async def _in_turn(
        self, ticker: str, horizon: int, places: asyncio.Semaphore, until: float
    ) -> Prediction | TickerProblem:
        """Answer from memory, or when there is a place; after the moment `until` of the loop's clock say so instead."""
        if self.in_memory(ticker, horizon):
            return await self._attempt(ticker, horizon)
        try:
            async with asyncio.timeout_at(until), places:
                return await self._attempt(ticker, horizon)
        except TimeoutError:
            late = HTTPStatus.SERVICE_UNAVAILABLE
            detail = f"no answer within {self._settings.serving.deadline:g} s; ask again"
            return TickerProblem(ticker=ticker[:LONGEST_ECHO], status=late, title=late.phrase, detail=detail)

    async def _attempt(self, ticker: str, horizon: int) -> Prediction | TickerProblem:
        try:
            return (await self.answer(ticker, horizon)).answer.prediction
        except Problem as problem:
            status, detail = problem.status, problem.detail
        except Exception:
            log.exception("prediction.failed", ticker=ticker[:LONGEST_ECHO], horizon=horizon)
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "this ticker failed; the log says why"
        return TickerProblem(ticker=ticker[:LONGEST_ECHO], status=status, title=status.phrase, detail=detail)

    def _count(self, answer: Rendered, layer: CacheLayer | Literal["bypass"]) -> None:
        """Count an answer that somebody gets, and ask for the model that should have made it."""
        LAYERS[layer].count += 1
        answer.served.count += 1
        if not answer.model:
            self._wanted(answer.prediction.ticker, answer.prediction.prediction.horizon)

    async def _from_caches(self, key: Key) -> Served:
        """Answer from memory, else anew, else with whatever was known before."""
        if found := self.in_memory(*key):
            return Served(found, "memory")
        try:
            return await self._refreshed(key)
        except Exception as error:
            old = self._memory.get_old(key)
            if old is None:
                raise
            log.error("prediction.fallback", ticker=key[0], horizon=key[1], to="earlier_answer", problem=str(error))  # noqa: TRY400
            return Served(old[0].marked_stale(), "stale")

    async def _refreshed(self, key: Key) -> Served:
        """Answer anew, computed once for all who wait; with an old answer, marked, when that takes long."""
        fresh = self._computing.join(f"{key}", lambda: self._refresh(key))
        old = self._memory.get_old(key)
        if old is None or old[1] > self._settings.cache.stale_ttl:
            return await fresh
        try:
            return await asyncio.wait_for(fresh, STALE_AFTER_SECONDS)
        except TimeoutError:
            return Served(old[0].marked_stale(), "stale")

    async def _refresh(self, key: Key) -> Served:
        with stage("redis"):
            found = await self._from_redis(key)
        if found is not None and found.seconds_left() > LEAST_SHARED_SECONDS:
            self._keep(key, found)
            log.debug("cache.hit", ticker=key[0], horizon=key[1], layer="redis")
            return Served(found, "redis")
        log.debug("cache.miss", ticker=key[0], horizon=key[1])
        try:
            served = await self._compute(key)
        except Exception:
            if found is None:
                raise
            log.exception("prediction.fallback", ticker=key[0], horizon=key[1], to="earlier_answer")
            return Served(found.marked_stale(), "stale")
        self._keep(key, served.answer, self._put_in_redis(key, served.answer))
        return served

    async def _compute(self, key: Key, *, fresh: bool = False) -> Served:
        deadline = self._settings.serving.deadline
        try:
            async with asyncio.timeout(deadline):
                computed = await self._predictor.compute(*key, fresh=fresh)
        except TimeoutError:
            raise unavailable(f"{key[0]}: no answer within {deadline:g} s; ask again", RETRY_AFTER_SECONDS) from None
        with stage("render"):
            arm = self._arm(*key, computed.model)
            answer = Rendered.of(
                computed.prediction, computed.model, computed.expires, computed.fallback, computed.forecast, arm=arm
            )
        self._note(computed.prediction, computed.forecast)
        self.log.note(computed)
        return Served(answer, "prediction" if computed.reused else "miss")

    def _put_in_redis(self, key: Key, answer: Rendered) -> float:
        """Share an answer unless the baseline stood in for its model; return the seconds that memory may keep it."""
        if answer.model and answer.prediction.model.type == "baseline":
            return FALLBACK_TTL_SECONDS
        expires = min(answer.expires, answer.prediction.timestamp.timestamp() + self._settings.cache.redis_ttl)
        value = f"{expires:.3f}\n".encode() + answer.body
        self._redis_cache.put(
            _name(key, answer.model), value, LAST_RESORT_TTL_SECONDS if self._settings.cache.redis_ttl else 0.0
        )
        return self._settings.cache.memory_ttl

    def _keep(self, key: Key, answer: Rendered, seconds: float | None = None) -> None:
        """Keep an answer in memory; as an old one when its model was replaced meanwhile."""
        current = answer.model == self._model(*key)
        ttl = min(self._settings.cache.memory_ttl, seconds if seconds is not None else LAST_RESORT_TTL_SECONDS)
        self._memory.put(key, answer, min(ttl, answer.seconds_left()) if current else 0.0)

    async def _from_redis(self, key: Key) -> Rendered | None:
        model = self._model(*key)
        value = await self._redis_cache.get(_name(key, model))
        if not value:
            return None
        expires, _, body = value.partition(b"\n")
        try:
            return Rendered.from_body(body, model, float(expires), self._arm(*key, model))
        except ValueError:
            log.warning("redis.value_unrecognised", key=_name(key, model))
            return None


LAYERS = {
    layer: counter(metrics.IN_CACHE, layer) for layer in ("memory", "redis", "prediction", "miss", "stale", "bypass")
}


def _name(key: Key, model: str) -> str:
    return f"answer:{key[0]}:{key[1]}:{model or 'baseline'}"
