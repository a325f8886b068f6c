"""How the parts of one API worker are wired."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from concurrency.micro_batcher import MicroBatcher
from configuration import Settings
from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, default_roots
from market.market import Market
from serving.caching.redis_cache import RedisCache
from serving.container import Container
from serving.contract.predictions import Prediction
from serving.drift.watch import DriftWatch
from serving.events.board import EventBoard
from serving.events.places import StreamPlaces
from serving.events.prediction_streams import PredictionStreams
from serving.events.sources import EventSources
from serving.models.champions import Champions
from serving.models.forest_client import Call, ForestClient
from serving.models.onnx_sessions import Output, Row
from serving.models.open_inference import Inference
from serving.monitoring.health import HealthCheck
from serving.monitoring.market_figures import MarketFigures
from serving.monitoring.model_status import ModelStatuses
from serving.monitoring.price_stream_figures import PriceStreamFigures
from serving.monitoring.reasons.refusals import SharedRefusals
from serving.monitoring.reasons.storage import Storage
from serving.monitoring.reasons.trainings import FailingTrainings
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
from serving.training_requests.missing_models import WantedModels, WantedRetraining
from serving.training_requests.retraining import Retraining
from serving.training_requests.shared_jobs import SharedJobs
from serving.training_requests.trainer_process import can_train
from training_queue.jobs import TrainingJobs
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

if TYPE_CHECKING:
    from serving.experiments.wiring import ExperimentParts


def open_container(settings: Settings, call: Call) -> Container:
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
    storage, refusals = Storage(settings.home, default_roots(settings)), SharedRefusals.of_this_service()
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
    return Container(
        predictor=predictor,
        models=models,
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
            others=[storage.problems, track_record.problems, FailingTrainings(jobs, keys).problems],
            refused_elsewhere=refusals.elsewhere,
        ),
        refusals=refusals,
        storage=storage,
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


def _observe(rows: int, waited: float) -> None:
    metrics.BATCH_ROWS.observe(rows)
    metrics.QUEUE.observe(waited)
