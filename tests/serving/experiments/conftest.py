"""A predictor with an experiment before its champions, wired by hand around real forests and a fake market."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from configuration import Settings
from forecasting.model_store import PublishedModel
from serving.caching.redis_cache import RedisCache
from serving.experiments.arms import ArmForecaster
from serving.experiments.desk import ExperimentDesk
from serving.experiments.experiments import Experiments
from serving.experiments.replicas import Replicas
from serving.experiments.shadows import Shadows
from serving.experiments.states import ExperimentStates
from serving.experiments.trial import Trial
from serving.models.champions import Champions
from serving.models.onnx_sessions import OnnxSessions
from serving.monitoring.track_record.track_record import TrackRecord
from serving.predictions.cached import CachedPredictor
from serving.predictions.forecast_cache import ForecastCache
from serving.predictions.forecaster import Forecaster
from serving.predictions.known_filings import KnownFilings
from serving.predictions.predictor import Predictor, model_tag, try_model
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock


@dataclass
class Laboratory:
    """The parts; what `predictor` answers, the shadows are told."""

    settings: Settings
    predictor: CachedPredictor
    champions: Champions
    experiments: Experiments
    shadows: Shadows
    desk: ExperimentDesk
    record: TrackRecord
    market: Any
    calls: list[int]

    @property
    def trial(self) -> Trial:
        """The first experiment."""
        return self.experiments.trials[0]

    async def look(self) -> None:
        """Take over what was published."""
        await self.champions.look()
        for trial in self.experiments.trials:
            await trial.challengers.look()


MakeLaboratory = Callable[..., Laboratory]


@pytest.fixture
def laboratory(make_settings: Callable[..., Settings], market: Any, store: Path, tmp_path: Path) -> MakeLaboratory:
    """Wire it for the given experiments."""

    def make(*experiments: dict[str, Any], home: Path = tmp_path, **given: Any) -> Laboratory:
        settings = make_settings(
            tickers=["AAPL", "MSFT", "TSLA"], horizons=[1, 5], serving__experiments=json.dumps(experiments), **given
        )
        forests, calls = OnnxSessions(64.0), []

        async def call(rows: Any) -> Any:
            calls.append(len(rows))
            return forests.predict(rows)

        async def attempt(published: PublishedModel) -> None:
            async def ask(row: Any) -> Any:
                return forests.predict([row])[0]

            await try_model(published, ask)

        keys = [(ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons]
        champions, record = Champions([store], keys, attempt), TrackRecord(home)
        replicas = Replicas.open(settings)
        tested = Experiments(
            settings, champions, ExperimentStates(home), roots=[store], attempt=attempt, replicas=replicas
        )
        forecaster, redis = Forecaster(call), RedisCache(None, "test")
        computing = Predictor(settings, market, tested, ArmForecaster(forecaster, tested), ForecastCache(redis, 60.0))
        filings = KnownFilings(market.reports_of, market.sessions, 10)
        shadows = Shadows(tested, champions, forecaster, market=market, filings=filings, record=record)
        predictor = CachedPredictor(
            settings,
            computing,
            redis,
            model=lambda ticker, horizon: model_tag(tested.get(ticker, horizon)),
            wanted=lambda _ticker, _horizon: None,
            note=lambda prediction, _forecast: shadows.note(prediction),
            arm=tested.arm,
        )
        tested.on_change(predictor.expire)
        desk = ExperimentDesk(
            settings, tested, market=market, record=record, publications=Publications(home), worker=WorkerLock(home)
        )
        return Laboratory(settings, predictor, champions, tested, shadows, desk, record, market, calls)

    return make
