"""Walk-forward forecasts of the past, written to a file and kept nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from concurrency.atomic_file import replace_file
from configuration import Settings
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from market.calendar.sessions import Sessions
from training.errors import TrainingError
from training.execution.engine import Engine
from training.execution.loading import chunks, load, report_schedules
from training.execution.pooling import Pools
from training.learning.dataset import make_dataset
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.recipes import make_recipe
from training.scoring import forecast_file
from training.scoring.baselines import plain_baselines
from training.scoring.evaluation import evaluate
from training.scoring.scores import comparison, summary


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What became of one ticker and horizon.

    Attributes:
        text: its lines of the file; empty when it failed.
        scores: by name, out of sample; empty when it failed.
        failure: the reason in one line; empty when there is none.
        simulated: whether the prices are invented.
    """

    ticker: str
    horizon: int
    text: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    simulated: bool = False


def evaluate_to_file(
    settings: Settings,
    tickers: Sequence[str],
    horizons: Sequence[int],
    path: Path,
    on_model: Callable[[Evaluated], None],
) -> dict[str, str]:
    """Write the out-of-sample forecasts of every ticker at every horizon, one row each.

    Args:
        on_model: called after each ticker and horizon with what became of it.

    Returns:
        For each ticker that failed, the reason in one line; the others are in the file all the same.
    """
    sessions = Sessions.open(settings.exchange, settings.home)
    engine = Engine(processes=settings.training.processes)
    pools = Pools(settings, [evaluation_config(settings)], engine)
    failures: dict[str, str] = {}
    with replace_file(path) as file:
        file.write((",".join(forecast_file.COLUMNS) + "\n").encode())
        for chunk in chunks(tickers):
            bars, missing = load(settings, chunk)
            failures |= missing
            schedules = report_schedules(settings, list(bars))
            calls = [
                (series, horizon, config, schedules[series.ticker], sessions)
                for series in bars.values()
                for horizon in horizons
                for config in pools.configs_for(horizon, simulated=series.simulated)
            ]
            for evaluated in engine.map(evaluate_one, calls):
                file.write(evaluated.text.encode())
                if evaluated.failure:
                    failures[evaluated.ticker] = evaluated.failure
                on_model(evaluated)
    return failures


def evaluation_config(settings: Settings) -> TrainingConfig:
    """The first recipe that is tried, refitted as often as `training.evaluation_refit_every` says."""
    training = settings.training
    recipe = make_recipe(settings, training.recipes_tried[0])
    return TrainingConfig(recipe, training.evaluation_refit_every, None, training.seed)


def evaluate_one(
    bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule, sessions: Sessions
) -> Evaluated:
    """Forecast every session of one ticker that can be forecast, at one horizon."""
    try:
        data = make_dataset(bars, horizon, schedule)
        evaluation = evaluate(data, walk_forward(data, config))
    except TrainingError as error:
        return Evaluated(bars.ticker, horizon, failure=str(error))
    text = "".join(",".join(row) + "\n" for row in forecast_file.rows(data, evaluation, sessions))
    level, reported = data.unit[evaluation.row], data.reports.near[evaluation.row]
    scores = comparison(evaluation, plain_baselines(bars, data, evaluation), level, reported)
    return Evaluated(bars.ticker, horizon, text, summary(evaluation) | scores, simulated=bars.simulated)
