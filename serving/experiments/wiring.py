"""The parts that experiments need, where any are configured."""

from collections.abc import Coroutine
from dataclasses import dataclass

from configuration import Settings
from forecasting.model_store import default_roots
from market.market import Market
from serving.experiments.arms import ArmForecaster
from serving.experiments.desk import ExperimentDesk
from serving.experiments.experiments import Experiments
from serving.experiments.replicas import Replicas
from serving.experiments.shadows import Shadows
from serving.experiments.states import ExperimentStates
from serving.models.champions import Champions, TryModel
from serving.monitoring.track_record.track_record import TrackRecord
from serving.predictions.forecaster import Forecaster
from serving.predictions.known_filings import KnownFilings
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock


@dataclass(frozen=True, slots=True)
class ExperimentParts:
    """What an API worker needs to run experiments."""

    experiments: Experiments
    forecaster: ArmForecaster
    shadows: Shadows
    desk: ExperimentDesk

    def background(self) -> list[Coroutine[None, None, None]]:
        """What runs beside the answers."""
        return [self.experiments.follow(), self.shadows.follow(), self.desk.follow()]


def open_experiments(
    settings: Settings,
    champions: Champions,
    attempt: TryModel,
    *,
    forecaster: Forecaster,
    market: Market,
    record: TrackRecord,
    worker: WorkerLock,
) -> ExperimentParts:
    """Wire the parts as configured."""
    experiments = Experiments(
        settings,
        champions,
        ExperimentStates(settings.home),
        roots=default_roots(settings),
        attempt=attempt,
        replicas=Replicas.open(settings),
    )
    filings = KnownFilings(market.reports_of, market.sessions, settings.market.reports.announced_before)
    shadows = Shadows(experiments, champions, forecaster, market=market, filings=filings, record=record)
    desk = ExperimentDesk(
        settings,
        experiments,
        market=market,
        record=record,
        publications=Publications(settings.home),
        worker=worker,
    )
    return ExperimentParts(experiments, ArmForecaster(forecaster, experiments), shadows, desk)
