"""Wait until what hinders every training is over."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from configuration import Settings
from training.errors import TrainingError
from training.execution.hindrance import NO_ROOM, Hindrance, hindrance_of
from training.worker.patience import pauses, when_possible
from training_queue.database import QueueUnavailable
from training_queue.worker_wait import WorkerWait

log = structlog.get_logger(__name__)

# Bytes that a training may need on each disk it writes to; a version takes half a megabyte.
ROOM = 8 * 2**20


class Hindered(TrainingError):
    """Nothing can be trained now.

    Attributes:
        put_back: queues what was begun again.
    """

    def __init__(self, hindrance: Hindrance, reason: str, put_back: Callable[[], None] = lambda: None) -> None:
        super().__init__(reason)
        self.hindrance = hindrance
        self.put_back = put_back


def still_hinders(settings: Settings, hindrance: Hindrance) -> str:
    """What the trainer waits for, in a sentence; empty when it is over."""
    return _full_disk(settings) if hindrance == "disk" else _absent_mlflow(settings)


def wait_until_over(settings: Settings, hindered: Hindered) -> None:
    """Put back what was begun, and look after growing pauses whether work can go on.

    Logs once when it begins to wait and once when that is over.
    """
    began, told = time.monotonic(), WorkerWait(settings.home)
    waits_for = still_hinders(settings, hindered.hindrance)
    log.warning("training.waits", problem=waits_for or str(hindered))
    is_put_back = _is_done(hindered.put_back)
    _is_done(lambda: told.begin(waits_for))
    for pause in pauses():
        time.sleep(pause)
        if not still_hinders(settings, hindered.hindrance):
            break
    _is_done(told.end)
    if not is_put_back:
        when_possible(hindered.put_back)
    log.info("training.goes_on", seconds=round(time.monotonic() - began, 3))


def _is_done(write: Callable[[], None]) -> bool:
    """Whether there was room for it."""
    try:
        write()
    except (OSError, QueueUnavailable):
        return False
    return True


def _absent_mlflow(settings: Settings) -> str:
    from training.mlflow_registry.connection import (  # noqa: PLC0415  # seconds of imports
        check_answers,
        client_of,
        translated,
        without_secret,
    )

    uri = settings.tracking_uri
    try:
        check_answers(uri)
        with translated("MLflow"):
            client_of(uri).search_experiments(max_results=1)
    except TrainingError as error:
        if hindrance_of(error) == "mlflow":
            return f"the trainer waits for MLflow at {without_secret(uri).rstrip('/')}, which does not answer"
    return ""


def _full_disk(settings: Settings) -> str:
    full = [str(folder) for folder in _folders(settings) if not _has_room(folder)]
    return f"the trainer waits for room on the disk of {' and '.join(full)}, which is full" if full else ""


def _folders(settings: Settings) -> Iterable[Path]:
    """Where a training writes, one folder of each disk."""
    folders = [settings.home, Path(os.environ.get("BENTOML_HOME", settings.home)), Path(tempfile.gettempdir())]
    return {folder.stat().st_dev: folder for folder in reversed(folders) if folder.exists()}.values()


def _has_room(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except OSError as error:
        return error.errno not in NO_ROOM
    return True
