from pathlib import Path

import pytest
from structlog.testing import capture_logs

from training.worker.patience import when_possible
from training_queue.jobs import MISSING, TrainingJobs


def test_what_the_list_has_no_room_for_is_written_when_there_is_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, in_the_way = TrainingJobs(tmp_path), tmp_path / "jobs" / "jobs.sqlite"
    in_the_way.mkdir(parents=True)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 7:
            in_the_way.rmdir()

    monkeypatch.setattr("training.worker.patience.time.sleep", sleep)
    with capture_logs() as lines:
        job = when_possible(lambda: jobs.add("AAPL", [1], MISSING))

    assert jobs.get(job.job_id) == job
    assert slept == [1, 2, 4, 8, 16, 30, 30]
    assert [line["event"] for line in lines] == ["queue.unavailable", "queue.available"]
    assert lines[0]["problem"].startswith(f"{in_the_way}: ")
