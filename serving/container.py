"""The parts of one API worker, and what runs while it serves."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from market.market import Market
from serving.caching.redis_cache import RedisCache
from serving.contract.details import AnsweringChallenger
from serving.drift.watch import DriftWatch
from serving.events.board import EventBoard
from serving.events.prediction_streams import PredictionStreams
from serving.events.sources import EventSources
from serving.models.champions import Champions
from serving.models.forest_client import ForestClient
from serving.models.open_inference import Inference
from serving.monitoring.health import HealthCheck
from serving.monitoring.market_figures import MarketFigures
from serving.monitoring.model_status import ModelStatuses
from serving.monitoring.reasons.refusals import SharedRefusals
from serving.monitoring.reasons.storage import Storage
from serving.monitoring.reports import PerformanceReports
from serving.monitoring.track_record.track_record import TrackRecord
from serving.monitoring.warm_up import WarmUp
from serving.monitoring.window import Performance
from serving.predictions.cached import CachedPredictor
from serving.predictions.past import PastPredictor
from serving.predictions.predictor import Models
from serving.telemetry import metrics
from serving.telemetry.batches import write_all, write_regularly
from serving.telemetry.ended_workers import ended_workers
from serving.training_requests.retraining import Retraining
from training_queue.steps import Step

if TYPE_CHECKING:
    from serving.experiments.desk import ExperimentDesk
    from serving.experiments.wiring import ExperimentParts


@dataclass(frozen=True, slots=True)
class Container:
    """Everything a request may need, and the background work of the worker."""

    predictor: CachedPredictor
    models: Models
    past: PastPredictor
    inference: Inference
    warm_up: WarmUp
    model_statuses: ModelStatuses
    health_check: HealthCheck
    retraining: Retraining
    refusals: SharedRefusals
    storage: Storage
    reports: PerformanceReports
    champions: Champions
    forests: ForestClient
    market: Market
    market_figures: MarketFigures
    redis_cache: RedisCache
    performance: Performance
    track_record: TrackRecord
    drift_watch: DriftWatch
    events: EventBoard
    event_sources: EventSources
    prediction_streams: PredictionStreams
    tickers: tuple[str, ...]
    tested: "ExperimentParts | None" = None

    @property
    def experiment_desk(self) -> "ExperimentDesk | None":
        """What lists and moves experiments; null where none is configured."""
        return self.tested.desk if self.tested else None

    def answering_challenger(self, ticker: str, horizon: int) -> AnsweringChallenger | None:
        """The challenger of a canary that answers in the champion's place."""
        found = self.tested.experiments.challenger_answering(ticker, horizon) if self.tested else None
        return AnsweringChallenger.of(found[0].name, found[1].card) if found else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Warm up, follow the model store and the trainings, and count, while the block runs."""
        background = [asyncio.create_task(work) for work in self._background()]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            for task in background:
                with suppress(asyncio.CancelledError):
                    await task
            await self.retraining.close()
            await self.redis_cache.close()
            await self.market.close()

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        write_all()
        return metrics.exposition(
            self.champions.figures,
            self.retraining.figures,
            self.track_record.scores.figures,
            self.drift_watch.figures,
            self.reports.memory_figures,
            self.market_figures.figures,
            self.storage.figures,
            ended_workers,
        )

    def _background(self) -> list[Coroutine[None, None, None]]:
        return [
            self._serve_models(),
            self.forests.watch(),
            self.retraining.follow(self._trained),
            self.refusals.follow(self.champions.refusals),
            self.performance.watch(),
            self.market_figures.watch(),
            self.event_sources.follow(self.health_check.check, self.retraining),
            write_regularly(self.predictor.log.write),
            self.track_record.follow(self.market, self.tickers),
            self.drift_watch.follow(),
            self.market.streams.run(),
            *(self.tested.background() if self.tested else ()),
            self.prediction_streams.run(),
        ]

    async def _serve_models(self) -> None:
        await self.warm_up.run()
        _keep_for_good()
        self.champions.on_many_tried(_keep_for_good)
        await self.champions.follow()

    async def _trained(self, step: Step) -> None:
        await self.predictor.forget(step.ticker)


def _keep_for_good() -> None:
    """Have the collector pass by what is there and stays; the cards of thousands of models alone took it 0.3 s."""
    gc.collect()
    gc.freeze()
