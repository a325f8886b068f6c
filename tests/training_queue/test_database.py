import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from training_queue.database import MIGRATIONS, QueueDatabase, QueueUnavailable
from training_queue.jobs import RETRAIN, TrainingJobs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs"
    folder.mkdir()
    return folder / "jobs.sqlite"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_file_from_before_there_were_versions_keeps_its_steps_and_results(tmp_path: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(MIGRATIONS[0])
        connection.execute(
            "INSERT INTO steps (job_id, ticker, horizon, priority, status, queued_at)"
            " VALUES ('job', 'AAPL', 1, 1, 'queued', 0)"
        )
        connection.execute("INSERT INTO results VALUES ('MSFT', 1, 'kept', 'no better', 0)")

    jobs = TrainingJobs(tmp_path)

    last, step = jobs.last("MSFT", 1), jobs.claim()
    assert last is not None
    assert last.reason == "no better"
    assert step is not None
    assert (step.job_id, step.attempts) == ("job", 1)
    assert version(path) == len(MIGRATIONS)


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(QueueUnavailable, match="newer release"):
        TrainingJobs(tmp_path).waiting()

    assert version(path) == len(MIGRATIONS) + 1


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to have a header" * 20, b"SQLite format 3\0"]
)
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with capture_logs() as lines:
        TrainingJobs(tmp_path).add("AAPL", [1], RETRAIN)

    assert [line["event"] for line in lines] == ["queue.damaged"]
    assert [aside.read_bytes() for aside in path.parent.glob("jobs.damaged-*")] == [content]
    assert TrainingJobs(tmp_path).waiting()


def test_a_file_that_is_damaged_while_it_is_used_costs_one_call(tmp_path: Path, path: Path) -> None:
    jobs = TrainingJobs(tmp_path)
    jobs.add("AAPL", [1], RETRAIN)
    path.write_bytes(os.urandom(path.stat().st_size))

    with pytest.raises(QueueUnavailable, match=r"jobs\.sqlite"):
        jobs.waiting()

    assert not jobs.waiting()


def test_a_locked_file_is_unavailable_and_stays(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_queue.database.BUSY_SECONDS", 0.01)
    jobs = TrainingJobs(tmp_path)
    jobs.add("AAPL", [1], RETRAIN)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(QueueUnavailable, match="locked"):
            jobs.waiting()

    assert jobs.waiting()


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be", encoding="utf-8")

    database = QueueDatabase(tmp_path)

    with pytest.raises(QueueUnavailable, match=r"jobs\.sqlite: "), database.transaction():
        pass
    assert database.changed_at() == 0
