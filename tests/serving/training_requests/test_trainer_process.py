import ast
import os
import sys
from pathlib import Path

import pytest

from compat.forked_workers import METRICS_VARIABLE
from concurrency.parent_death import PARENT_VARIABLE
from serving.training_requests.trainer_process import LIVED_LONG_SECONDS, LONGEST_PAUSE_SECONDS, TrainerKeeper
from training_queue.worker_lock import REFUSED, WorkerLock


class EnoughError(Exception):
    """The test has seen enough."""


class Clock:
    """Time that passes only while somebody sleeps, and `life` seconds with each look at it."""

    def __init__(self, pauses: int, life: float = 0.0) -> None:
        self.slept: list[float] = []
        self._pauses = pauses
        self._life = life
        self._time = 0.0

    def now(self) -> float:
        self._time += self._life
        return self._time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._pauses:
            raise EnoughError


def run(clock: Clock, lock: WorkerLock, code: str = "raise SystemExit(3)") -> None:
    keeper = TrainerKeeper([sys.executable, "-c", code], lock, clock.sleep, clock.now)
    with pytest.raises(EnoughError):
        keeper.run()


def test_a_trainer_that_keeps_ending_is_started_again_after_growing_pauses(tmp_path: Path) -> None:
    clock = Clock(pauses=8)

    run(clock, WorkerLock(tmp_path), f"open({str(tmp_path / 'starts')!r}, 'a').write('x')")

    assert clock.slept == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert (tmp_path / "starts").read_text() == "x" * 8


def test_one_that_lived_long_is_started_again_at_once(tmp_path: Path) -> None:
    clock = Clock(pauses=3, life=LIVED_LONG_SECONDS + 1)

    run(clock, WorkerLock(tmp_path))

    assert clock.slept == [1, 1, 1]


def test_it_knows_whom_it_ends_with_and_counts_nothing_for_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METRICS_VARIABLE, str(tmp_path))
    told = tmp_path / "told"

    run(Clock(pauses=1), WorkerLock(tmp_path), f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))")

    environment = ast.literal_eval(told.read_text())
    assert environment[PARENT_VARIABLE] == str(os.getpid())
    assert METRICS_VARIABLE not in environment


def test_one_that_refuses_its_settings_is_not_started_again(tmp_path: Path) -> None:
    clock = Clock(pauses=2)
    code = f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); raise SystemExit({REFUSED})"

    TrainerKeeper([sys.executable, "-c", code], WorkerLock(tmp_path), clock.sleep, clock.now).run()

    assert clock.slept == []
    assert (tmp_path / "starts").read_text() == "x"


def test_none_is_started_beside_another_worker(tmp_path: Path) -> None:
    lock, clock = WorkerLock(tmp_path), Clock(pauses=2)
    assert lock.take() is not None

    run(clock, lock, f"open({str(tmp_path / 'starts')!r}, 'a').write('x')")

    assert not (tmp_path / "starts").exists()


def test_a_program_that_is_not_there_ends_nothing(tmp_path: Path) -> None:
    clock = Clock(pauses=2)
    keeper = TrainerKeeper([str(tmp_path / "missing")], WorkerLock(tmp_path), clock.sleep, clock.now)

    with pytest.raises(EnoughError):
        keeper.run()

    assert clock.slept == [1, 2]
