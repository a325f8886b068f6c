"""The parts of one API worker, wired."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

from configuration import Settings
from forecasting.published import default_roots
from forecasting.training_jobs import TrainingJobs
from market.market import Market
from serving.champions import Champions
from serving.forests import Forests, Output, Row
from serving.gathering import Gathering
from serving.predictor import Predictor, try_model
from serving.status import Status
from serving.wanted import WantedModels

Call = Callable[[Sequence[Row]], Awaitable[Sequence[Output]]]


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything a request may need, and the background work of the worker."""

    predictor: Predictor
    status: Status
    champions: Champions
    market: Market

    @classmethod
    def open(cls, settings: Settings, call: Call) -> Self:
        """Wire the parts as configured; `call` reaches the forests."""
        market = Market.open(settings)
        gathering = Gathering(call)
        keys = [(ticker, horizon) for horizon in settings.horizons for ticker in settings.tickers]
        champions = Champions(default_roots(settings), keys, lambda published: try_model(published, gathering.predict))
        wanted = WantedModels(TrainingJobs(settings.home), enabled=settings.training.on_start and can_train())
        predictor = Predictor(settings, market, champions, gathering.predict, wanted.ask)
        return cls(predictor, Status(settings, market, champions, predictor), champions, market)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Warm up and follow the model store while the block runs."""
        background = asyncio.create_task(self._background())
        try:
            yield
        finally:
            background.cancel()
            with suppress(asyncio.CancelledError):
                await background
            await self.market.close()

    async def _background(self) -> None:
        await self.status.warm_up()
        await self.champions.follow()


def can_train() -> bool:
    """Whether the training packages are installed here."""
    return importlib.util.find_spec("mlflow") is not None and importlib.util.find_spec("training") is not None


def embedded_forests() -> Call:
    """Reach forests that live in this very process."""
    forests = Forests()

    async def call(rows: Sequence[Row]) -> Sequence[Output]:
        return forests.predict(rows)

    return call
