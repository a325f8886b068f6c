"""The process that trains beside a running service.

While there is nothing to train it is a small Python process that looks at a file; the training packages are imported
when the first step waits, stay warm while more may come, and leave with their memory when none did for a while.
"""

# ruff: noqa: E402  # structlog is imported first
from compat import structlog_alone

structlog_alone.import_structlog()

import contextlib
import os
import sys
import time
from pathlib import Path

import structlog

import configuration
import logs
from concurrency.parent_death import end_with_parent
from training.mlflow_registry.environment import prepare_environment
from training.worker.patience import when_possible
from training_queue.jobs import TrainingJobs
from training_queue.publications import Publications
from training_queue.worker_lock import REFUSED, WorkerLock
from training_queue.worker_wait import WorkerWait

LOOK_EVERY_SECONDS = 0.5
# Until the configuration is read, with the first work.
LOG_LEVEL = "info"
# Training may wait, answers may not.
NICENESS = 10
LOCK_WITHIN_SECONDS = 2.0
# Between two looks for what a dead process left behind.
LEFT_BEHIND_EVERY_SECONDS = 10.0
# For which the service, which starts in the same moment, has the processors to itself.
SERVICE_FIRST_SECONDS = 2.0

log = structlog.get_logger(__name__)


def work_forever(home: Path, lock: int | None = None) -> bool:
    """Work the queue under `home` until this process ends.

    Args:
        lock: descriptor of the worker's lock, when this process is one that already worked and began anew.

    Returns:
        False, at once, when another worker does it already.

    Raises:
        ConfigurationError: a setting is impossible; the lock says so to whoever looks for a worker.
    """
    begins = lock is None
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    lock = lock if lock is not None else _take_lock(home)
    if lock is None:
        return False
    jobs, publications = TrainingJobs(home), Publications(home)
    if begins:
        WorkerWait(home).end()
        when_possible(jobs.resume)
        time.sleep(SERVICE_FIRST_SECONDS)
    else:
        _wait_for_work(jobs, publications)
    from training.worker.steps import work_until_idle  # noqa: PLC0415  # it imports what takes seconds and hundreds of MB

    try:
        work_until_idle(jobs, publications, add_missing=begins)
    except configuration.ConfigurationError as error:
        WorkerLock(home).refuse(str(error))
        raise
    _begin_anew(lock)
    return True


def _wait_for_work(jobs: TrainingJobs, publications: Publications) -> None:
    while True:
        changed_at, looked_at = jobs.changed_at(), time.monotonic()
        if when_possible(lambda: jobs.waiting() or bool(publications.left_behind())):
            return
        while jobs.changed_at() == changed_at and time.monotonic() - looked_at < LEFT_BEHIND_EVERY_SECONDS:
            time.sleep(LOOK_EVERY_SECONDS)


def _begin_anew(lock: int) -> None:
    """Replace this process by a new one that holds the same lock and has imported nothing yet."""
    os.set_inheritable(lock, True)
    command = [sys.executable, "-m", "training.worker.process", str(lock)]
    os.execv(sys.executable, command)  # noqa: S606  # this very program


def _take_lock(home: Path) -> int | None:
    """Patient for a moment: whoever looks whether a worker lives holds the lock for a few microseconds."""
    until = time.monotonic() + LOCK_WITHIN_SECONDS
    while True:
        lock = WorkerLock(home).take()
        if lock is not None or time.monotonic() > until:
            return lock
        time.sleep(0.05)


def main() -> None:
    """`python -m training.worker.process [LOCK]`, as the service starts it and as it starts itself."""
    end_with_parent()
    prepare_environment()
    logs.configure(LOG_LEVEL)
    home, lock = Path(os.environ["STOCKS_HOME"]), int(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        with contextlib.suppress(KeyboardInterrupt):
            work_forever(home, lock)
    except configuration.ConfigurationError as error:
        log.error("trainer.refused", problem=str(error))  # noqa: TRY400  # the reason is all there is to say
        sys.exit(REFUSED)
    except OSError as error:
        log.error("trainer.stopped", problem=f"{error.filename or home}: {error.strerror or error}")  # noqa: TRY400
        sys.exit(1)


if __name__ == "__main__":
    main()
