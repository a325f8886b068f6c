"""A request's way through the caches. Every door shares it."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import structlog

from concurrency.single_flight import SingleFlight
from configuration import Settings
from serving.caching.memory_cache import MemoryCache
from serving.caching.redis_cache import RedisCache
from serving.contract.problems import Problem, unavailable
from serving.contract.schemas import Prediction, Predictions, TickerProblem
from serving.contract.validation import check_horizon, check_ticker
from serving.predictions.predictor import Computed, Predictor
from serving.predictions.rendered import CacheLayer, Rendered, Served
from serving.telemetry import metrics
from serving.telemetry.timing import stage

log = structlog.get_logger(__name__)

# Seconds that a caller waits for a fresh answer when an old one is at hand.
PATIENCE = 0.05
# Seconds that an answer lives which is less than it should be: the model failed.
MAKESHIFT_TTL = 5.0
# Seconds that an answer is kept in Redis for the case that everything else fails.
KEPT = 86400.0
RETRY_AFTER = 5

Key = tuple[str, int]


class CachedPredictor:
    """Memory, Redis, one computation for all who wait for the same, and an earlier answer when all of that fails."""

    def __init__(
        self,
        settings: Settings,
        predictor: Predictor,
        shared: RedisCache,
        *,
        model: Callable[[str, int], str],
        wanted: Callable[[str, int], None],
        note: Callable[[Prediction], None],
    ) -> None:
        """Wire the parts.

        Args:
            model: folder name of the champion of a ticker and horizon.
            wanted: told of each ticker and horizon that somebody asked for and no model could answer.
            note: told of each prediction that was computed.
        """
        self._settings = settings
        self._predictor = predictor
        self._shared = shared
        self._model = model
        self._wanted = wanted
        self._note = note
        self._memory = MemoryCache[Key, Rendered](len(settings.tickers) * len(settings.horizons))
        self._flights = SingleFlight[Served]()

    def at_once(self, ticker: str, horizon: int) -> Rendered | None:
        """The answer in memory, if it still lives; no I/O, no check of what was asked."""
        return self._memory.get((ticker, horizon))

    def served(self, answer: Rendered, layer: CacheLayer | str) -> None:
        """Count an answer that somebody got, and note when it should have come from a model."""
        LAYERS[layer].inc()
        answer.served.inc()
        if not answer.model:
            self._wanted(answer.prediction.ticker, answer.prediction.prediction.horizon)

    async def answer(self, ticker: str, horizon: int, *, fresh: bool = False) -> Served:
        """The answer for one ticker.

        Args:
            fresh: whether it must be computed now, for this caller alone.

        Raises:
            Problem: 422 or 404 for what cannot be asked, 503 when nothing is known.
        """
        key = (check_ticker(ticker, self._settings), horizon)
        check_horizon(horizon, self._settings)
        if fresh:
            return await self._alone(key)
        if found := self.at_once(*key):
            return Served(found, "memory")
        try:
            return await self._refreshed(key)
        except Exception as error:
            old = self._memory.get_old(key)
            if old is None:
                raise
            log.error("fallback", ticker=key[0], horizon=horizon, to="an earlier answer", problem=str(error))  # noqa: TRY400
            return Served(old[0].marked_stale(), "stale")

    async def predict_many(self, tickers: list[str], horizon: int) -> Predictions:
        """The predictions for several tickers; one that fails becomes a problem and spoils no other.

        Raises:
            Problem: 422 for a horizon that is not configured.
        """
        check_horizon(horizon, self._settings)
        outcomes = await asyncio.gather(*(self._attempt(ticker, horizon) for ticker in tickers))
        return Predictions(
            predictions=[outcome for outcome in outcomes if isinstance(outcome, Prediction)],
            problems=[outcome for outcome in outcomes if isinstance(outcome, TickerProblem)],
        )

    def expire(self, ticker: str, horizon: int) -> None:
        """Compute the next answer anew: its model or its bars have changed."""
        self._memory.expire((ticker, horizon))

    async def forget(self, ticker: str) -> None:
        """The same for all horizons, in Redis too."""
        for horizon in self._settings.horizons:
            self.expire(ticker, horizon)
        keys = [(ticker, horizon) for horizon in self._settings.horizons]
        await self._shared.drop([_name(key, self._model(*key)) for key in keys])

    async def _attempt(self, ticker: str, horizon: int) -> Prediction | TickerProblem:
        try:
            found = await self.answer(ticker, horizon)
        except Problem as problem:
            status, detail = problem.status, problem.detail
        except Exception:
            log.exception("failed", ticker=ticker, horizon=horizon)
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, f"{ticker}: this ticker failed; the log says why"
        else:
            self.served(found.answer, found.layer)
            return found.answer.prediction
        return TickerProblem(ticker=ticker, status=status, title=status.phrase, detail=detail)

    async def _refreshed(self, key: Key) -> Served:
        """A fresh answer, from one computation for all; an old one, marked, when that takes long."""
        flight = self._flights.join(f"{key}", lambda: self._refresh(key))
        old = self._memory.get_old(key)
        if old is None or old[1] > self._settings.cache.stale_ttl:
            return await flight
        try:
            return await asyncio.wait_for(flight, PATIENCE)
        except TimeoutError:
            return Served(old[0].marked_stale(), "stale")

    async def _refresh(self, key: Key) -> Served:
        with stage("redis"):
            shared = await self._from_redis(key)
        if shared is not None and shared.seconds_left() > 0:
            self._keep(key, shared)
            log.debug("cache hit", ticker=key[0], horizon=key[1], layer="redis")
            return Served(shared, "redis")
        log.debug("cache miss", ticker=key[0], horizon=key[1])
        try:
            served = await self._compute(key)
        except Exception:
            if shared is None:
                raise
            log.exception("fallback", ticker=key[0], horizon=key[1], to="an earlier answer")
            return Served(shared.marked_stale(), "stale")
        self._keep(key, served.answer, self._put_shared(key, served.answer))
        return served

    async def _alone(self, key: Key) -> Served:
        return await self._compute(key, fresh=True)

    async def _compute(self, key: Key, *, fresh: bool = False) -> Served:
        deadline = self._settings.serving.deadline
        try:
            async with asyncio.timeout(deadline):
                computed = await self._predictor.compute(*key, fresh=fresh)
        except TimeoutError:
            raise unavailable(f"{key[0]}: no answer within {deadline:g} s; ask again", RETRY_AFTER) from None
        with stage("render"):
            answer = Rendered.of(computed.prediction, computed.model, computed.expires, computed.fallback)
        self._note(computed.prediction)
        _log_prediction(computed)
        return Served(answer, "prediction" if computed.reused else "miss")

    def _put_shared(self, key: Key, answer: Rendered) -> float:
        """Share an answer that its model made, or that has no model; give the seconds that memory may keep it."""
        if answer.model and answer.prediction.model.type == "baseline":
            return MAKESHIFT_TTL
        expires = min(answer.expires, answer.prediction.timestamp.timestamp() + self._settings.cache.redis_ttl)
        value = f"{expires:.3f}\n".encode() + answer.body
        self._shared.put(_name(key, answer.model), value, KEPT if self._settings.cache.redis_ttl else 0.0)
        return self._settings.cache.memory_ttl

    def _keep(self, key: Key, answer: Rendered, seconds: float | None = None) -> None:
        """Remember an answer, for no time at all when its model was replaced meanwhile."""
        current = answer.model == self._model(*key)
        ttl = min(self._settings.cache.memory_ttl, seconds if seconds is not None else KEPT)
        self._memory.put(key, answer, min(ttl, answer.seconds_left()) if current else 0.0)

    async def _from_redis(self, key: Key) -> Rendered | None:
        model = self._model(*key)
        value = await self._shared.get(_name(key, model))
        if not value:
            return None
        expires, _, body = value.partition(b"\n")
        try:
            return Rendered.from_body(body, model, float(expires))
        except ValueError:
            log.warning("redis", problem="a value that is none of ours", key=_name(key, model))
            return None


LAYERS = {
    layer: metrics.IN_CACHE.labels(layer) for layer in ("memory", "redis", "prediction", "miss", "stale", "bypass")
}


def _log_prediction(computed: Computed) -> None:
    prediction = computed.prediction
    log.info(
        "prediction",
        ticker=prediction.ticker,
        horizon=prediction.prediction.horizon,
        model=prediction.model.type,
        version=prediction.model.version,
        fallback=computed.fallback,
        confidence=prediction.prediction.confidence,
        source=prediction.data.source,
    )


def _name(key: Key, model: str) -> str:
    return f"answer:{key[0]}:{key[1]}:{model or 'baseline'}"
