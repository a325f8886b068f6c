"""Lines that cannot be changed without it showing."""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration import ROOT
from serving.monitoring.track_record.hash_chain import NOTHING, verify
from serving.monitoring.track_record.served_predictions import Noted, PredictionLog
from tests.patience import PATIENT
from tests.serving.running import environment

NOTED = Noted("AAPL", 1, "2024-03-08", "2024-03-11", "baseline", None, True, 0.0, -0.02, 0.02)


class Moment:
    """Stands in for `datetime`: now is when a test says."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self, _zone: object) -> datetime:
        return self._now


def write(log: PredictionLog, month: str, days: Iterable[int]) -> None:
    for day in days:
        moment = Moment(datetime.fromisoformat(f"{month}-{day:02}T22:00:00+00:00"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("serving.monitoring.track_record.served_predictions.datetime", moment)
            log.append([replace(NOTED, made_on=f"{month}-{day:02}")])


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    """Three months with ten lines each."""
    log = PredictionLog(tmp_path)
    for month in ("2024-01", "2024-02", "2024-03"):
        write(log, month, range(10, 20))
    return log


def test_what_was_written_is_whole_and_read_back(log: PredictionLog) -> None:
    found = log.verify()

    assert (found.lines, found.broken) == (30, None)
    assert found.head == log.head()
    assert len([*log.read_new("2024-02")]) == 20


@pytest.mark.parametrize("month", [0, 1, 2])
@pytest.mark.parametrize("number", range(9))
def test_a_changed_line_shows_in_the_next(log: PredictionLog, month: int, number: int) -> None:
    path = log.files()[month]
    lines = path.read_text().splitlines()
    lines[number] = lines[number].replace("0.02", "0.03")
    path.write_text("\n".join(lines) + "\n")

    assert log.verify().broken == f"{path}:{number + 2}"


def test_each_line_says_when_it_was_written(log: PredictionLog) -> None:
    line = json.loads(log.files()[0].read_text().splitlines()[0])

    assert line["written_at"] == "2024-01-10T22:00:00+00:00"


def test_a_clock_that_was_set_back_goes_on_in_the_newest_file(log: PredictionLog) -> None:
    write(log, "2023-05", [1])

    assert [path.stem for path in log.files()] == ["2024-01", "2024-02", "2024-03"]
    assert (log.verify().lines, log.verify().broken) == (31, None)


@pytest.mark.parametrize("month", [0, 1])
def test_a_file_that_was_removed_from_the_middle_or_cut_shows(log: PredictionLog, month: int) -> None:
    path, following = log.files()[month], log.files()[month + 1]
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert log.verify().broken == f"{following}:1"

    log.files()[1].unlink()

    assert log.verify().broken == f"{log.files()[1]}:1"


@pytest.mark.parametrize("damage", ["changed", "cut off", "file removed"])
def test_a_kept_head_shows_what_became_of_the_end(log: PredictionLog, damage: str) -> None:
    head, path = log.head(), log.files()[-1]
    assert log.verify(head).has_kept_head
    lines = path.read_text().splitlines()
    if damage == "changed":
        path.write_text("\n".join([*lines[:-1], lines[-1].replace("0.02", "0.03")]) + "\n")
    elif damage == "cut off":
        path.write_text("\n".join(lines[:-1]) + "\n")
    else:
        path.unlink()

    assert log.verify().broken is None, "nothing names the last line"
    assert not log.verify(head).has_kept_head


def test_a_kept_head_stays_when_more_is_written(log: PredictionLog) -> None:
    head = log.head()
    write(log, "2024-04", [1])

    assert log.verify(head).has_kept_head
    assert log.head() != head


def test_a_changed_last_line_of_an_earlier_month_shows_in_the_next_month(log: PredictionLog) -> None:
    path = log.files()[0]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].replace("0.02", "0.03")]) + "\n")

    assert log.verify().broken == f"{log.files()[1]}:1"


@given(st.data())
def test_no_line_can_be_removed_from_the_middle_or_moved(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = PredictionLog(tmp_path_factory.mktemp("chain"))
    log.append(replace(NOTED, horizon=horizon) for horizon in range(1, 7))
    (path,) = log.files()
    lines = path.read_text().splitlines()
    kept = data.draw(st.lists(st.sampled_from(lines), min_size=2, unique=True).filter(lambda one: one[0] == lines[0]))
    path.write_text("\n".join(kept) + "\n")

    assert (log.verify().broken is None) == (kept == lines[: len(kept)])


def test_a_line_that_a_crash_cut_off_breaks_nothing(log: PredictionLog) -> None:
    with log.files()[-1].open("ab") as file:
        file.write(b'{"ticker": "AA')
    log.append([NOTED])

    found = log.verify()

    assert (found.lines, found.broken) == (31, None)


def test_lines_from_before_there_were_chains_stay(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "2024-03.jsonl").write_text('{"ticker": "MSFT"}\n{"ticker": "AAPL"}\n')
    log = PredictionLog(tmp_path)
    write(log, "2024-03", [20])
    assert (log.verify().lines, log.verify().broken) == (1, None)

    with log.files()[0].open("a") as file:
        file.write('{"ticker": "GOOGL"}\n')

    assert str(log.verify().broken).endswith("2024-03.jsonl:4"), "nothing unchained follows"


def test_old_months_can_be_removed(log: PredictionLog) -> None:
    log.remove_before("2024-03")

    assert (log.verify().lines, log.verify().broken) == (10, None)


def test_nothing_is_whole(tmp_path: Path) -> None:
    assert PredictionLog(tmp_path).head() == verify([]).head == NOTHING


def write_many(home: Path, seed: int) -> None:
    log = PredictionLog(home)
    for day in range(50):
        log.append([replace(NOTED, horizon=seed, made_on=f"2024-0{1 + day % 3}-08")])


def test_several_workers_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write_many, args=(tmp_path, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    found = PredictionLog(tmp_path).verify()

    assert (found.lines, found.broken) == (150, None)


def test_the_command_names_the_line(log: PredictionLog, tmp_path: Path) -> None:
    def command(*options: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-m", "serving", "verify", *options]
        return subprocess.run(
            words, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENT, check=False
        )

    assert command().stdout == f"30 lines, each names the one before; head {log.head()}\n"
    assert command("--head", "ff" * 32).stderr.startswith(f"Error: no line has the hash {'ff' * 32}")
    path = log.files()[1]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(lines[0]) | {"lower": -1.0}), *lines[1:]]) + "\n")

    done = command()

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {path}:2: this line and the one before do not match")
