"""What the service says about itself: its models, its health, its warm-up."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import time

import numpy as np
import structlog

from configuration import Settings
from forecasting.card import ModelCard
from market.bars import SIMULATED
from market.errors import MarketError
from market.market import History, Market
from serving.caching.redis_cache import RedisCache
from serving.contract.problems import Problem
from serving.contract.schemas import Accuracy, Health, LastTraining, ModelStatus, WarmUpStatus
from serving.contract.validation import check_horizon, check_ticker
from serving.models.champions import Champions
from serving.models.forest_client import ForestClient
from serving.monitoring import retrain_reasons
from serving.predictions.cached import CachedPredictor
from training_queue.database import QueueUnavailable
from training_queue.jobs import Result

log = structlog.get_logger(__name__)

REAL_PRICES = "set ALPHA_VANTAGE_API_KEY or TIINGO_API_KEY, or put `files` among market.providers"


class Status:
    """Answers about the service rather than about prices."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        champions: Champions,
        *,
        predictor: CachedPredictor,
        shared: RedisCache,
        forests: ForestClient,
        accuracy: Callable[[str, int], Accuracy | None],
        last_training: Callable[[str, int], Result | None],
        trainer_problem: Callable[[], str],
        unpublished: Callable[[], Sequence[tuple[str, int]]],
    ) -> None:
        """Wire the parts.

        Args:
            accuracy: how the last served predictions of a ticker and horizon turned out.
            last_training: the outcome of the last training of a ticker and horizon.
            unpublished: models whose champion is not published yet.
            trainer_problem: why nothing can be trained; empty when a trainer lives or none should.
        """
        self._settings = settings
        self._forests = forests
        self._accuracy = accuracy
        self._last_training = last_training
        self._trainer_problem = trainer_problem
        self._unpublished = unpublished
        self._shared = shared
        self._market = market
        self._champions = champions
        self._predictor = predictor
        self._started_at: float | None = None
        self._completed_at: float | None = None
        self._errors: list[str] = []

    async def warm_up(self) -> None:
        """Load every model and answer every ticker once, so that no user waits for it."""
        self._started_at = time()
        await self._champions.look()
        outcomes = await asyncio.gather(*(self._warm(ticker) for ticker in self._settings.tickers))
        self._errors = [error for error in outcomes if error]
        self._completed_at = time()
        seconds = round(self._completed_at - self._started_at, 3)
        horizon = self._settings.horizons[0]
        answers = [self._predictor.in_memory(ticker, horizon) for ticker in self._settings.tickers]
        sources = [answer.prediction.data.history_source for answer in answers if answer is not None]
        if simulated := sources.count(SIMULATED):
            log.warning("prices are simulated", tickers=simulated, remedy=REAL_PRICES)
        log.info("warm", seconds=seconds, models=len(self._champions.serving()), errors=len(self._errors))

    def warm_up_status(self) -> WarmUpStatus:
        """How far the warm-up is."""
        started, completed, serving = self._started_at, self._completed_at, self._champions.serving()
        return WarmUpStatus(
            started_at=started,
            completed_at=completed,
            duration_seconds=completed - started if started is not None and completed is not None else None,
            models_loaded=len(serving),
            models_trained=sum(one.card.trained_at.timestamp() >= (started or np.inf) for one in serving),
            errors=self._errors,
        )

    async def model(self, ticker: str, horizon: int) -> ModelStatus:
        """The model of a ticker and horizon, and whether it should be trained again.

        Raises:
            Problem: 422 or 404 for what cannot be asked.
        """
        ticker = check_ticker(ticker, self._settings)
        check_horizon(horizon, self._settings)
        history, prices = await self._prices(ticker)
        last = await self._last(ticker, horizon)
        published = self._champions.get(ticker, horizon)
        refusal = self._champions.refusal(ticker, horizon)
        card = published.card if published else None
        served = card is not None and (history is None or history.bars.simulated == card.simulated)
        without = [] if card else [_without_model(last)]
        aged = self._aged(card, history)
        return ModelStatus(
            ticker=ticker,
            horizon=horizon,
            model_loaded=card is not None,
            service_ready=True,
            model_type="random_forest" if served else "baseline",
            version=card.version if card else None,
            run_id=card.run_id if card else None,
            trained_at=card.trained_at if card else None,
            stale=bool(aged),
            retrain_recommended=bool(refusal or aged) or (card is None and not self._kept_lately(last, history)),
            reasons=[*([refusal] if refusal else []), *without, *aged, *prices],
            last_training=_told(last),
            metrics=card.metrics if card else None,
        )

    async def health(self) -> Health:
        """Healthy, or what is configured and broken, or old."""
        histories = [(ticker, await self._history(ticker)) for ticker in self._settings.tickers]
        late = [ticker for ticker, history in histories if history is not None and history.stale]
        missing = [ticker for ticker, history in histories if history is None]
        reasons = []
        if late:
            reasons.append(f"prices are older than the last session: {', '.join(late)}")
        if missing:
            reasons.append(f"no prices: {', '.join(missing)}")
        if self._shared.configured and not await self._shared.working():
            reasons.append("Redis is configured and does not answer; everything is computed in each process")
        if not await self._forests.answer():
            reasons.append(self._forests.problem)
        if problem := self._trainer_problem():
            reasons.append(problem)
        reasons += await asyncio.to_thread(self._not_published)
        reasons += [f"model refused: {refusal}" for refusal in self._champions.refusals().values()]
        return Health(status="degraded" if reasons else "healthy", reasons=reasons)

    def _not_published(self) -> list[str]:
        try:
            models = self._unpublished()
        except QueueUnavailable as error:
            return [f"the list of trainings cannot be read: {error}"]
        return [f"the champion is not published yet: {ticker} at horizon {horizon}" for ticker, horizon in models]

    async def _warm(self, ticker: str) -> str | None:
        try:
            await self._predictor.prepare(ticker, self._settings.horizons[0])
        except Problem as problem:
            return problem.detail
        except Exception as error:
            log.exception("not warm", ticker=ticker)
            return f"{ticker}: {type(error).__name__}: {error}"
        return None

    async def _history(self, ticker: str) -> History | None:
        history, _ = await self._prices(ticker)
        return history

    async def _prices(self, ticker: str) -> tuple[History | None, list[str]]:
        """The bars, and what is wrong with them."""
        try:
            history = await self._market.history(ticker)
        except MarketError as error:
            return None, [str(error)]
        last = history.bars.session[-1]
        return history, [f"prices are older than the last session: they end with {last}"] if history.stale else []

    async def _last(self, ticker: str, horizon: int) -> Result | None:
        try:
            return await asyncio.to_thread(self._last_training, ticker, horizon)
        except QueueUnavailable as error:
            log.warning("queue.unavailable", problem=str(error))
            return None

    def _kept_lately(self, last: Result | None, history: History | None) -> bool:
        """Whether a candidate was kept back since the last bar: the same bars would give the same."""
        if last is None or last.status != "kept" or history is None:
            return False
        return last.ended_at > self._market.sessions.closes(history.bars.session[-1]).timestamp()

    def _aged(self, card: ModelCard | None, history: History | None) -> list[str]:
        if card is None or history is None:
            return []
        return retrain_reasons.reasons(card, history.bars, self._accuracy(card.ticker, card.horizon), datetime.now(UTC))


def _without_model(last: Result | None) -> str:
    if last is None:
        return "there is no model yet; the baseline answers"
    at = datetime.fromtimestamp(last.ended_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = {
        "kept": f"there is no model: the candidate trained at {at} was kept back: {last.reason}",
        "failed": f"there is no model: the training at {at} failed: {last.reason}",
        "promoted": f"there is no model here, though one was promoted at {at}: {last.reason}",
    }
    return f"{told[last.status]}; the baseline answers"


def _told(last: Result | None) -> LastTraining | None:
    if last is None:
        return None
    return LastTraining.model_validate(
        {"status": last.status, "at": datetime.fromtimestamp(last.ended_at, UTC), "reason": last.reason}
    )
