"""Folders that cannot be written or read are said, and looked at every few seconds at most."""

from pathlib import Path

import pytest

from serving.monitoring.reasons.storage import LOOK_EVERY_SECONDS, Storage


def is_writable(storage: Storage) -> float:
    (metric,) = storage.figures()
    return metric.samples[0].value


def test_folders_that_can_be_used_or_are_not_there_yet_are_no_problem(tmp_path: Path) -> None:
    (tmp_path / "home" / "served").mkdir(parents=True)

    for home in ("home", "missing"):
        storage = Storage(tmp_path / home, [tmp_path / "models"])
        assert (storage.problems(), is_writable(storage)) == ([], 1)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    storage = Storage(tmp_path, [], enough_bytes=float("inf"))

    (problem,) = storage.problems()

    assert problem.startswith(f"the disk of STOCKS_HOME ({tmp_path}) is full")
    assert is_writable(storage) == 0


# A file in place of a folder keeps out root too, who runs the tests in a container.
@pytest.mark.parametrize("part", [".", "served", "jobs", "history"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, part: str) -> None:
    path = tmp_path / "home" / part
    path.parent.mkdir(exist_ok=True)
    path.touch()

    (problem,) = Storage(tmp_path / "home", []).problems()

    assert problem.startswith(f"{path} cannot be written by this user")


def test_a_model_store_that_cannot_be_read_is_named_and_takes_no_writing_away(tmp_path: Path) -> None:
    (tmp_path / "models").touch(mode=0o600)
    (tmp_path / "circle").symlink_to("circle")
    storage = Storage(tmp_path / "home", [tmp_path / "models", tmp_path / "circle" / "models"])

    assert [problem.split(" cannot")[0] for problem in storage.problems()] == [
        f"the model store {tmp_path / 'models'}",
        f"the model store {tmp_path / 'circle' / 'models'}",
    ]
    assert is_writable(storage) == 1


def test_the_disk_is_looked_at_again_after_some_seconds_alone(tmp_path: Path) -> None:
    clock = [0.0]
    storage = Storage(tmp_path, [], now=lambda: clock[0])
    assert storage.problems() == []
    (tmp_path / "served").touch()
    clock[0] += LOOK_EVERY_SECONDS - 1
    assert storage.problems() == []
    clock[0] += 1
    assert len(storage.problems()) == 1
