"""Walk-forward forecasts of the past, written to a file and kept nowhere else."""

from collections.abc import Callable, Sequence
from pathlib import Path

from concurrency.atomic_file import replace_file
from configuration import Settings
from forecasting.report_schedule import ReportSchedule
from market.bars import Bars
from market.calendar.sessions import Sessions
from training.engine import Engine
from training.errors import TrainingError
from training.learning import forecast_file
from training.learning.dataset import make_dataset
from training.learning.evaluation import evaluate
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.loading import chunks, load, report_schedules
from training.recipes import make_recipe


def evaluate_to_file(
    settings: Settings,
    tickers: Sequence[str],
    horizons: Sequence[int],
    path: Path,
    on_model: Callable[[], None],
) -> dict[str, str]:
    """Write the out-of-sample forecasts of every ticker at every horizon, one row each.

    Args:
        on_model: called after each ticker and horizon.

    Returns:
        For each ticker that failed, the reason in one line; the others are in the file all the same.
    """
    sessions = Sessions.open(settings.exchange, settings.home)
    config = evaluation_config(settings)
    engine = Engine(processes=settings.training.processes)
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
            ]
            for (series, *_), (text, reason) in zip(calls, engine.map(forecast_rows, calls), strict=True):
                file.write(text.encode())
                if reason:
                    failures[series.ticker] = reason
                on_model()
    return failures


def evaluation_config(settings: Settings) -> TrainingConfig:
    """The first recipe that is tried, refitted as often as `training.evaluation_refit_every` says."""
    training = settings.training
    recipe = make_recipe(settings, training.recipes_tried[0])
    return TrainingConfig(recipe, training.evaluation_refit_every, None, training.seed)


def forecast_rows(
    bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule, sessions: Sessions
) -> tuple[str, str]:
    """The lines of one ticker and horizon, and the reason when there are none."""
    try:
        data = make_dataset(bars, horizon, schedule)
        evaluation = evaluate(data, walk_forward(data, config))
    except TrainingError as error:
        return "", str(error)
    return "".join(",".join(row) + "\n" for row in forecast_file.rows(data, evaluation, sessions)), ""
