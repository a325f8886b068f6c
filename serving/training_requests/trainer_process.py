"""The training process beside the service, started again when it ends."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from compat.forked_workers import METRICS_VARIABLE
from concurrency.parent_death import PARENT_VARIABLE
from configuration import ROOT
from serving.telemetry.ended_workers import how_it_ended
from training_queue.worker_lock import REFUSED, WorkerLock

log = structlog.get_logger(__name__)

MODULE = "training.worker.process"
COMMAND = (sys.executable, "-m", MODULE)
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# A trainer that lived this long did not end because it was started.
LIVED_LONG_SECONDS = 120.0


def can_train() -> bool:
    """Whether the training packages are installed here."""
    return importlib.util.find_spec("mlflow") is not None and importlib.util.find_spec("training") is not None


def keep_trainer_running(home: Path) -> None:
    """Have a thread of this process start a worker of the training queue, and again whenever it ends.

    The worker ends by itself when this process does.
    """
    lock = WorkerLock(home)
    if not lock.held():
        lock.refuse("")  # what an earlier one refused, this one may not
    keeper = TrainerKeeper(COMMAND, lock)
    threading.Thread(target=keeper.run, name="trainer-keeper", daemon=True).start()


class TrainerKeeper:
    """Keeps one trainer alive, with pauses that double while it keeps ending early.

    While another process works the queue of the same STOCKS_HOME none is started.
    """

    def __init__(
        self,
        command: Sequence[str],
        lock: WorkerLock,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start `command` whenever nobody holds `lock`.

        Args:
            sleep, now: the clock, in seconds.
        """
        self._command = command
        self._lock = lock
        self._sleep = sleep
        self._now = now
        self._is_refused = False

    def run(self) -> None:
        """Keep the trainer alive until this process ends, or until one refuses its settings, which stay as they are."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            if self._lock.held():
                self._sleep(LONGEST_PAUSE_SECONDS)
                continue
            lived = self._live_once()
            if self._is_refused:
                return
            if lived > LIVED_LONG_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _live_once(self) -> float:
        """Start the trainer and wait for its end; gives the seconds that it lived."""
        started = self._now()
        try:
            # In a session of its own the terminal's Ctrl-C ends the service alone, and with it this process.
            process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, env=_environment()
            )
            self._is_refused = process.wait() == REFUSED
            if not self._is_refused:
                log.warning("trainer.ended", **how_it_ended(process.returncode))
        except OSError as error:
            log.error("trainer.not_started", problem=str(error))  # noqa: TRY400  # the reason is all there is to say
        return self._now() - started


def _environment() -> dict[str, str]:
    """This process's, which it changes for a moment while it prepares its workers, and what the trainer ends with."""
    kept = {name: value for name, value in os.environ.items() if name != METRICS_VARIABLE}
    return kept | {PARENT_VARIABLE: str(os.getpid())}
