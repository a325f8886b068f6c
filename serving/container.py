"""The parts of one API worker, wired."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from concurrency.micro_batcher import MicroBatcher
from configuration import Settings
from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, default_roots
from market.market import Market
from serving.caching.redis_cache import RedisCache
from serving.contract.schemas import Prediction
from serving.drift.watch import DriftWatch
from serving.events.board import EventBoard
from serving.events.places import StreamPlaces
from serving.events.prediction_streams import PredictionStreams
from serving.events.sources import EventSources
from serving.models.champions import Champions
from serving.models.forest_client import Call, ForestClient
from serving.models.onnx_sessions import OnnxSessions, Output, Row
from serving.models.open_inference import Inference
from serving.monitoring.health import HealthCheck
from serving.monitoring.market_figures import MarketFigures
from serving.monitoring.model_status import ModelStatuses
from serving.monitoring.price_stream_figures import PriceStreamFigures
from serving.monitoring.reports import PerformanceReports
from serving.monitoring.track_record.track_record import TrackRecord, sessions_held
from serving.monitoring.warm_up import WarmUp
from serving.monitoring.window import Performance
from serving.predictions.cached import CachedPredictor
from serving.predictions.forecast_cache import ForecastCache
from serving.predictions.forecaster import Forecaster
from serving.predictions.past import PastPredictor
from serving.predictions.predictor import Models, Predictor, model_tag, try_model
from serving.telemetry import metrics
from serving.telemetry.batches import write_all, write_regularly
from serving.training_requests.missing_models import WantedModels, WantedRetraining
from serving.training_requests.retraining import Retraining
from serving.training_requests.shared_jobs import SharedJobs
from serving.training_requests.trainer_process import can_train
from training_queue.jobs import Step, TrainingJobs
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

if TYPE_CHECKING:
    from serving.experiments.desk import ExperimentDesk
    from serving.experiments.wiring import ExperimentParts


@dataclass(frozen=True, slots=True)
class Container:
    """Everything a request may need, and the background work of the worker."""

    predictor: CachedPredictor
    past: PastPredictor
    inference: Inference
    warm_up: WarmUp
    model_statuses: ModelStatuses
    health_check: HealthCheck
    retraining: Retraining
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

    @classmethod
    def open(cls, settings: Settings, call: Call) -> Self:
        """Wire the parts as configured; `call` reaches the forests."""
        metrics.label_tickers(settings.tickers)
        market, redis_cache = Market.open(settings), RedisCache.open(settings)
        forests = ForestClient(call, settings.serving.forest_timeout)
        ask = MicroBatcher[Row, Output](forests.predict, _observe).ask
        forecaster = Forecaster(forests.predict, _observe)
        keys = [(ticker, horizon) for horizon in settings.horizons for ticker in settings.tickers]

        async def call_patiently(rows: Sequence[Row]) -> Sequence[Output]:
            return await forests.predict_patiently(rows, settings.serving.deadline)

        ask_patiently = MicroBatcher[Row, Output](call_patiently, _observe).ask

        async def attempt(published: PublishedModel) -> None:
            await try_model(published, ask_patiently)

        async def resume() -> None:
            await champions.recheck()
            for key in keys:
                predictor.expire(*key)

        jobs, worker = TrainingJobs(settings.home), WorkerLock(settings.home)
        publications = Publications(settings.home)
        wanted = WantedModels(jobs, publications, worker)
        retraining = Retraining(settings, jobs, worker, SharedJobs.open(settings), expects_trainer=can_train())

        def want(ticker: str, horizon: int) -> None:
            if champions.is_missing(ticker, horizon):
                wanted.ask(ticker, horizon)

        def note(prediction: Prediction, forecast: Forecast) -> None:
            track_record.note(prediction, forecast)
            event_sources.predicted(prediction)
            if tested:
                tested.shadows.note(prediction)

        champions = Champions(default_roots(settings), keys, attempt)
        places = StreamPlaces(settings.serving.max_streams)
        events = EventBoard(places)
        event_sources = EventSources(events)
        track_record = TrackRecord(settings.home, settings.serving.track_record_months, sessions_held(len(keys)))
        performance = Performance()
        drift_watch = DriftWatch(settings, market, champions, track_record, WantedRetraining(jobs, worker).ask)
        forecasts = ForecastCache(redis_cache, settings.cache.prediction_ttl)
        tested = _experiments(
            settings, champions, attempt, forecaster=forecaster, market=market, record=track_record, worker=worker
        )
        models: Models = tested.experiments if tested else champions
        computing = Predictor(settings, market, models, tested.forecaster if tested else forecaster, forecasts)
        predictor = CachedPredictor(
            settings,
            computing,
            redis_cache,
            model=lambda ticker, horizon: model_tag(models.get(ticker, horizon)),
            wanted=want,
            note=note,
            **({"arm": tested.experiments.arm} if tested else {}),
        )
        if tested:
            tested.experiments.on_change(predictor.expire)
        champions.on_swap(predictor.expire)
        champions.on_swap(event_sources.swapped)
        streams = PredictionStreams(predictor.newest, market.streams.latest, places)
        champions.on_swap(streams.swapped)
        market.streams.on_price(streams.priced)
        market.streams.report_to(PriceStreamFigures(settings.market.streams))
        champions.on_refusal(wanted.repair)
        forests.on_return(resume)
        return cls(
            predictor=predictor,
            past=PastPredictor(settings, market, champions, computing, default_roots(settings)),
            inference=Inference(settings, champions, ask),
            warm_up=WarmUp(settings, champions, predictor),
            model_statuses=ModelStatuses(
                settings,
                market,
                champions,
                accuracy=track_record.scores.of,
                last_training=jobs.last,
                drift=drift_watch.of,
            ),
            health_check=HealthCheck(
                settings,
                market,
                champions,
                redis_cache=redis_cache,
                forests=forests,
                trainer_problem=retraining.trainer_problem,
                unpublished=publications.unfinished,
            ),
            retraining=retraining,
            reports=PerformanceReports(settings, performance, market, track_record),
            champions=champions,
            forests=forests,
            market=market,
            market_figures=MarketFigures(market),
            redis_cache=redis_cache,
            performance=performance,
            track_record=track_record,
            drift_watch=drift_watch,
            events=events,
            event_sources=event_sources,
            prediction_streams=streams,
            tickers=settings.tickers,
            tested=tested,
        )

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
        )

    def _background(self) -> list[Coroutine[None, None, None]]:
        return [
            self._serve_models(),
            self.forests.watch(),
            self.retraining.follow(self._trained),
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


def _experiments(
    settings: Settings,
    champions: Champions,
    attempt: Callable[[PublishedModel], Awaitable[None]],
    **parts: Any,
) -> "ExperimentParts | None":
    if not settings.serving.experiments:
        return None
    from serving.experiments.wiring import open_experiments  # noqa: PLC0415  # only where experiments are configured

    return open_experiments(settings, champions, attempt, **parts)


def embedded_forests(settings: Settings) -> Call:
    """Reach forests that live in this very process."""
    forests = OnnxSessions(settings.serving.forest_memory_mb)

    async def call(rows: Sequence[Row]) -> Sequence[Output]:
        return forests.predict(rows)

    return call


def remote_forests(predict: Callable[[list[Row]], Awaitable[Sequence[Sequence[Any]]]]) -> Call:
    """Reach forests in a process of their own by its API `predict`."""

    async def call(rows: Sequence[Row]) -> Sequence[Output]:
        return [Output(*answer) for answer in await predict(list(rows))]

    return call


def _observe(rows: int, waited: float) -> None:
    metrics.BATCH_ROWS.observe(rows)
    metrics.QUEUE.observe(waited)
