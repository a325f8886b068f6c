"""The process that trains beside a running service.

While there is nothing to train it is a small Python process that looks at a file; the training packages are imported
when the first step waits, stay warm while more may come, and leave with their memory when none did for a while.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

from training.mlflow_registry.environment import prepare_environment
from training_queue.jobs import TrainingJobs
from training_queue.worker_lock import WorkerLock

LOOK_EVERY = 0.5
# Training may wait, answers may not.
NICENESS = 10
LOCK_WITHIN = 2.0
# Seconds that the service, which starts in the same moment, has the processors to itself.
AFTER_YOU = 2.0


def work_forever(home: Path, parent: int, lock: int | None = None) -> bool:
    """Work the queue under `home` until the process `parent` ends.

    Args:
        lock: descriptor of the worker's lock, when this process is one that already worked and began anew.

    Returns:
        False, at once, when another worker does it already.
    """
    watched = threading.Thread(target=_end_with, args=(parent,), daemon=True)
    watched.start()
    begins = lock is None
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    lock = lock if lock is not None else _take_lock(home)
    if lock is None:
        return False
    jobs = TrainingJobs(home)
    if begins:
        jobs.resume()
        time.sleep(AFTER_YOU)
    else:
        _wait_for_work(jobs)
    from training.worker.steps import work_until_idle  # noqa: PLC0415  # it imports what takes seconds and hundreds of MB

    work_until_idle(jobs, add_missing=begins)
    _begin_anew(parent, lock)
    return True


def _wait_for_work(jobs: TrainingJobs) -> None:
    while True:
        changed_at = jobs.changed_at()
        if jobs.waiting():
            return
        while jobs.changed_at() == changed_at:
            time.sleep(LOOK_EVERY)


def _begin_anew(parent: int, lock: int) -> None:
    os.set_inheritable(lock, True)
    command = [sys.executable, "-m", "training.worker.process", str(parent), str(lock)]
    os.execv(sys.executable, command)  # noqa: S606  # this very program


def _take_lock(home: Path) -> int | None:
    """Patient for a moment: whoever looks whether a worker lives holds the lock for a few microseconds."""
    until = time.monotonic() + LOCK_WITHIN
    while True:
        lock = WorkerLock(home).take()
        if lock is not None or time.monotonic() > until:
            return lock
        time.sleep(0.05)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os._exit(0)


def main() -> None:
    """`python -m training.worker.process PARENT [LOCK]`, as the service starts it and as it starts itself."""
    prepare_environment()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the end of the parent is the sign
    lock = int(sys.argv[2]) if len(sys.argv) > 2 else None  # noqa: PLR2004  # the program's name, PARENT and LOCK
    with contextlib.suppress(KeyboardInterrupt):
        work_forever(Path(os.environ["STOCKS_HOME"]), int(sys.argv[1]), lock)


if __name__ == "__main__":
    main()
