import errno
import fcntl
import os
from pathlib import Path
from typing import NoReturn

import pytest

from training_queue.worker_lock import WorkerLock


def test_there_is_one_worker_for_a_home_and_anybody_can_tell(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path)
    assert not lock.held()
    held = lock.take()

    assert held is not None
    assert lock.held()
    assert WorkerLock(tmp_path).take() is None
    assert not WorkerLock(tmp_path / "another").held()


def test_why_a_worker_refuses_is_known_until_the_next_begins(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path)
    assert lock.refusal() == ""
    first = lock.take()
    assert first is not None
    lock.refuse("n_estimators = 0")
    assert lock.refusal() == "n_estimators = 0"
    os.close(first)
    assert WorkerLock(tmp_path).refusal() == "n_estimators = 0"
    assert lock.take() is not None
    assert lock.refusal() == ""


def test_a_file_system_without_locks_has_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_descriptor: int, _operation: int) -> NoReturn:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    lock = WorkerLock(tmp_path)

    assert not lock.held()
    with pytest.raises(OSError, match="No locks available"):
        lock.take()


def test_a_home_that_cannot_be_written_has_no_worker(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be", encoding="utf-8")

    assert not WorkerLock(tmp_path).held()
