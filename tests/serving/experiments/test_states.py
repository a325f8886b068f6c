"""Whether experiments run, kept on disk for all workers and the next start."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from serving.experiments.states import ExperimentStates, State, moved
from tests.sqlite_files import damage


def test_what_was_decided_is_read_by_every_process_and_after_a_restart(tmp_path: Path) -> None:
    stopped = moved(State(), "stopped", "by hand")
    ExperimentStates(tmp_path).write("trial", stopped)

    assert ExperimentStates(tmp_path).read() == {"trial": stopped}
    assert ExperimentStates(tmp_path).changed_at() > 0


def test_nothing_is_written_before_anything_is_decided(tmp_path: Path) -> None:
    states = ExperimentStates(tmp_path)

    assert (states.read(), states.changed_at()) == ({}, 0)
    assert not any(tmp_path.iterdir())


def test_each_start_is_another_trial() -> None:
    stopped = moved(State(), "stopped", "by hand")
    again = moved(stopped, "running", "by hand")

    assert (stopped.trial, again.trial, moved(again, "running", "twice").trial) == (1, 2, 2)


def test_a_disk_that_takes_nothing_keeps_it_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(30, "Read-only file system", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    states = ExperimentStates(tmp_path)
    stopped = moved(State(), "stopped", "by hand")

    states.write("trial", stopped)

    assert states.read() == {"trial": stopped}
    assert ExperimentStates(tmp_path).read() == {}


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    states = ExperimentStates(tmp_path)
    states.write("trial", moved(State(), "stopped", "by hand"))
    path = tmp_path / "experiments" / "experiments.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
        connection.commit()
    before = path.stat().st_mtime_ns

    states.write("trial", State())

    assert states.read() == {"trial": State()}
    assert path.stat().st_mtime_ns == before


def test_an_older_state_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    earlier = moved(State(), "stopped", "by hand")
    later = moved(earlier, "running", "by hand")
    states = ExperimentStates(tmp_path)
    states.write("trial", later)

    states.write("trial", earlier)

    assert states.read() == {"trial": later}


@pytest.mark.parametrize("is_written", [True, False])
def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path, *, is_written: bool) -> None:
    path = tmp_path / "experiments" / "experiments.sqlite"
    stopped = moved(State(), "stopped", "by hand")
    ExperimentStates(tmp_path).write("trial", stopped)
    content = damage(path)
    with capture_logs() as lines:
        if is_written:
            ExperimentStates(tmp_path).write("other", stopped)
        else:
            assert ExperimentStates(tmp_path).read() == {}
            ExperimentStates(tmp_path).write("other", stopped)
    (aside,) = path.parent.glob("*unreadable*")
    assert aside.read_bytes() == content
    told = [line for line in lines if line["event"] == "experiments.set_aside"]
    assert [(line["file"], line["set_aside_as"]) for line in told] == [(str(path), str(aside))]
    assert ExperimentStates(tmp_path).read() == {"other": stopped}
