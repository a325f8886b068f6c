"""What a process on another machine does for the pipeline: train a model, log it, register it.

Nothing of MLflow is imported before its environment is prepared, for a Dask worker has prepared nothing.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

from configuration import home
from forecasting.card import model_name
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.errors import MarketError
from training.errors import TrainingError
from training.learning.pipeline import Trained, attempt
from training.learning.training_config import TrainingConfig
from training.mlflow_registry.environment import prepare_environment
from training.mlflow_registry.runs.parent_run import ParentRun

if TYPE_CHECKING:
    from training.execution.recorded import Recorded

log = structlog.get_logger(__name__)


def attempt_and_record(
    parent: ParentRun, bars: Bars, horizon: int, config: TrainingConfig, schedule: ReportSchedule | None = None
) -> "Recorded | str":
    """The registered version, with what the decision on it takes; or the reason in one line why there is none.

    Args:
        parent: run of the pipeline below which the model's own is logged.
    """
    trained = attempt(bars, horizon, config, schedule)
    if isinstance(trained, str):
        return trained
    try:
        return _recorded(parent, trained)
    except (TrainingError, MarketError) as error:
        return str(error)
    except Exception as error:  # one model's trouble is never another's
        log.exception("training.failed", ticker=bars.ticker, horizon=horizon)
        return f"{bars.ticker}: {type(error).__name__}: {error}; the log has the traceback"


def _recorded(parent: ParentRun, trained: Trained) -> "Recorded":
    client, data = _client(parent.uri), trained.data
    from training.execution.recorded import record  # noqa: PLC0415  # MLflow
    from training.mlflow_registry.recording import Recorder  # noqa: PLC0415
    from training.mlflow_registry.versions.rivals import rival  # noqa: PLC0415

    champion = rival(client, model_name(data.ticker, data.horizon), simulated=data.simulated)
    recorder = Recorder(client, _sessions(parent.exchange), parent)
    return record(trained, champion, lambda trained: recorder.recorded_before(trained) or recorder.record(trained))


@cache
def _client(uri: str) -> Any:
    prepare_environment()
    from training.mlflow_registry.connection import client_of  # noqa: PLC0415  # MLflow

    return client_of(uri)


@cache
def _sessions(exchange: str) -> Sessions:
    return Sessions.open(exchange, home())
