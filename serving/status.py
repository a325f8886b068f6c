"""What the service says about itself: its models, its health, its warm-up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import time

import numpy as np
import structlog

from configuration import Settings
from forecasting.card import ModelCard
from forecasting.published import Published
from market.errors import MarketError
from market.market import History, Market
from serving import freshness
from serving.answers import Accuracy, Health, ModelStatus, WarmUpStatus
from serving.cached_predictor import CachedPredictor
from serving.champions import Champions
from serving.problems import Problem
from serving.requests import check_horizon, check_ticker
from serving.shared import SharedCache

log = structlog.get_logger(__name__)

PROBE_TIMEOUT = 1.0


class Status:
    """Answers about the service rather than about prices."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        champions: Champions,
        *,
        predictor: CachedPredictor,
        shared: SharedCache,
        probe: Callable[[Published], Awaitable[None]],
        accuracy: Callable[[str, int], Accuracy | None],
    ) -> None:
        """Wire the parts.

        Args:
            probe: raises when a published model does not answer.
            accuracy: how the last served predictions of a ticker and horizon turned out.
        """
        self._settings = settings
        self._probe = probe
        self._accuracy = accuracy
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
        history = await self._history(ticker)
        published = self._champions.get(ticker, horizon)
        refusal = self._champions.refusal(ticker, horizon)
        reasons = [refusal] if refusal else []
        if published is None:
            reasons.append("there is no model yet; the baseline answers")
        card = published.card if published else None
        served = card is not None and (history is None or history.bars.simulated == card.simulated)
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
            retrain_recommended=bool(reasons + aged),
            reasons=reasons + aged,
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
        if not await self._forests_answer():
            reasons.append("the forests do not answer; the baseline does")
        reasons += [f"model refused: {refusal}" for refusal in self._champions.refusals()]
        return Health(status="degraded" if reasons else "healthy", reasons=reasons)

    async def _forests_answer(self) -> bool:
        for published in self._champions.serving()[:1]:
            try:
                await asyncio.wait_for(self._probe(published), PROBE_TIMEOUT)
            except Exception:
                log.exception("the forests do not answer")
                return False
        return True

    async def _warm(self, ticker: str) -> str | None:
        try:
            await self._predictor.answer(ticker, self._settings.horizons[0])
        except Problem as problem:
            return problem.detail
        except Exception as error:
            log.exception("not warm", ticker=ticker)
            return f"{ticker}: {type(error).__name__}: {error}"
        return None

    async def _history(self, ticker: str) -> History | None:
        try:
            return await self._market.history(ticker)
        except MarketError:
            return None

    def _aged(self, card: ModelCard | None, history: History | None) -> list[str]:
        if card is None or history is None:
            return []
        return freshness.reasons(card, history.bars, self._accuracy(card.ticker, card.horizon), datetime.now(UTC))
