"""The first answers after the start, so that no user waits for what happens only once."""

import asyncio
from time import time

import numpy as np
import structlog

from configuration import Settings
from market.bars import SIMULATED
from serving.contract.problems import Problem
from serving.contract.schemas import WarmUpStatus
from serving.models.champions import Champions
from serving.monitoring.listing import shortened
from serving.predictions.cached import CachedPredictor

log = structlog.get_logger(__name__)

# A request that comes in meanwhile waits for so many tickers at most.
WARMED_AT_ONCE = 4
# The answers of more tickers would be old again before the last of them is warm.
MOST_WARMED = 256
REAL_PRICES = "set ALPHA_VANTAGE_API_KEY or TIINGO_API_KEY, or put `files` among market.providers"


class WarmUp:
    """Loads every model and answers the first tickers once, at the first horizon, few at a time."""

    def __init__(self, settings: Settings, champions: Champions, predictor: CachedPredictor) -> None:
        self._tickers = settings.tickers[:MOST_WARMED]
        self._horizon = settings.horizons[0]
        self._champions = champions
        self._predictor = predictor
        self._started_at: float | None = None
        self._completed_at: float | None = None
        self._errors: list[str] = []

    async def run(self) -> None:
        """Warm up; a ticker that fails is an error of the status and stops no other."""
        self._started_at = time()
        await self._look_for_models()
        places = asyncio.Semaphore(WARMED_AT_ONCE)
        outcomes = await asyncio.gather(*(self._answer(ticker, places) for ticker in self._tickers))
        self._errors = [error for error in outcomes if error]
        self._completed_at = time()
        self._log_outcome(round(self._completed_at - self._started_at, 3))

    def status(self) -> WarmUpStatus:
        """How far it is."""
        started, completed, serving = self._started_at, self._completed_at, self._champions.serving()
        return WarmUpStatus(
            started_at=started,
            completed_at=completed,
            duration_seconds=completed - started if started is not None and completed is not None else None,
            models_loaded=len(serving),
            models_trained=sum(one.card.trained_at.timestamp() >= (started or np.inf) for one in serving),
            errors=shortened(self._errors),
        )

    async def _look_for_models(self) -> None:
        try:
            await self._champions.look()
        except Exception:
            log.exception("models.look_failed")  # following the store tries again

    async def _answer(self, ticker: str, places: asyncio.Semaphore) -> str | None:
        try:
            async with places:
                await self._predictor.prepare(ticker, self._horizon)
        except Problem as problem:
            return problem.detail
        except Exception as error:
            log.exception("warm_up.failed", ticker=ticker)
            return f"{ticker}: {type(error).__name__}: {error}"
        return None

    def _log_outcome(self, seconds: float) -> None:
        answers = [self._predictor.in_memory(ticker, self._horizon) for ticker in self._tickers]
        found = [answer.prediction for answer in answers if answer is not None]
        simulated = sum(prediction.data.history_source == SIMULATED for prediction in found)
        if simulated:
            log.warning("prices.simulated", tickers=simulated, remedy=REAL_PRICES)
        by_model = sum(prediction.model.type != "baseline" for prediction in found)
        log.info(
            "warm_up.finished",
            seconds=seconds,
            models_loaded=len(self._champions.serving()),
            tickers_by_model=by_model,
            tickers_by_baseline=len(found) - by_model,
            errors=len(self._errors),
        )
