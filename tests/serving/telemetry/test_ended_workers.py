"""What the supervisor says of a process that ended: a line, and a count that any process reads."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from serving.telemetry.ended_workers import EndedWorkers, ended_workers


def counts() -> dict[str, float]:
    return {one.labels["service"]: one.value for metric in ended_workers() for one in metric.samples}


def test_each_end_is_logged_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    supervisor = EndedWorkers(tmp_path)
    before = counts()
    with capture_logs() as lines:
        supervisor.note("forest_runner", 11, -9)
        supervisor.note("forest_runner", 12, 3)

    assert before == {"stock_prediction": 0, "forest_runner": 0}
    assert counts() == {"stock_prediction": 0, "forest_runner": 2}
    assert [(line["event"], line["pid"]) for line in lines] == [("worker.ended", 11), ("worker.ended", 12)]
    assert (lines[0]["signal"], lines[1]["status"]) == ("SIGKILL", 3)


def test_a_count_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with capture_logs() as lines:
        EndedWorkers(tmp_path / "file").note("forest_runner", 11, 1)

    assert [line["event"] for line in lines] == ["worker.ended", "worker.not_counted"]
