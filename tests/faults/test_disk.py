"""A full disk costs no answer; the service says what it cannot do."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from configuration import ROOT
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import Service, environment, start, wait_until
from training_queue.jobs import RETRAIN, TrainingJobs

pytestmark = [pytest.mark.slow, pytest.mark.fault]

ENV = "/usr/bin/env"
SIZE = "4m"
GIVEN = {"STOCKS_TICKERS": '["AAPL", "MSFT"]', "STOCKS_TRAINING__ON_START": "false"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = [ENV, "mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only who may mount a small disk can fill it")
    yield mounted
    subprocess.run([ENV, "umount", "--lazy", str(mounted)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


def statuses(service: Service) -> set[int]:
    """Of everything that is asked of a service, again and again."""
    fresh = {"Cache-Control": "no-cache"}
    with httpx.Client(base_url=service.url, timeout=PATIENT) as client:
        asked = [
            client.get(path, headers=fresh)
            for _ in range(10)
            for path in ("/predict/AAPL", "/predict/MSFT?horizon=5", "/health", "/metrics", "/readyz", "/warmup/status")
        ]
    return {answer.status_code for answer in asked}


def reasons(service: Service) -> str:
    return "; ".join(httpx.get(f"{service.url}/health", timeout=PATIENT).json()["reasons"])


def test_a_disk_that_fills_up_while_the_service_runs_costs_no_answer(disk: Path) -> None:
    service = start(disk, free_port(), **GIVEN)
    try:
        worker = service.child("stock_prediction")
        assert worker is not None
        fill(disk)

        assert statuses(service) == {200}
        retrain = httpx.post(f"{service.url}/model/retrain/AAPL", timeout=PATIENT)
        assert retrain.status_code == 503
        assert "jobs.sqlite" in retrain.json()["detail"] or "No worker" in retrain.json()["detail"]
        assert worker.is_running()
        wait_until(lambda: "is full, so trainings" in reasons(service), PATIENT, "health says so")

        (disk / "filler").unlink()
        assert statuses(service) == {200}
        wait_until(lambda: "is full" not in reasons(service), PATIENT, "health says that there is room")
    finally:
        service.end()


def test_a_start_on_a_full_disk_serves_and_says_why_it_is_degraded(disk: Path, tmp_path: Path) -> None:
    (disk / "service.log").touch()
    fill(disk)
    log = tmp_path / "log"
    log.mkdir()
    service = start(log, free_port(), **GIVEN, STOCKS_HOME=str(disk / "home"), BENTOML_HOME=str(disk / "home/bentoml"))
    try:
        assert statuses(service) == {200}
        assert "jobs.sqlite: database or disk is full" in reasons(service)
        assert "history.unavailable" in service.log
        assert "Traceback" not in service.log
    finally:
        service.end()


def test_a_start_on_a_read_only_disk_serves_and_says_why_it_is_degraded(disk: Path, tmp_path: Path) -> None:
    make_read_only(disk)
    log = tmp_path / "log"
    log.mkdir()
    service = start(log, free_port(), **GIVEN, STOCKS_HOME=str(disk / "home"))
    try:
        assert statuses(service) == {200}
        assert "Read-only file system" in reasons(service)
        retrain = httpx.post(f"{service.url}/model/retrain/AAPL", timeout=PATIENT)
        assert retrain.status_code == 503
        assert "Traceback" not in service.log
    finally:
        service.end()


@pytest.mark.parametrize("damage", ["read-only", "full", "a file"])
def test_training_where_nothing_can_be_written_is_refused_in_one_line(disk: Path, damage: str) -> None:
    home = disk / "home"
    if damage == "full":
        fill(disk)
    elif damage == "a file":
        home.touch()
    else:
        make_read_only(disk)
    words = [sys.executable, "-m", "training", "train", "--tickers", "AAPL"]

    done = subprocess.run(
        words, cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=PATIENT, check=False
    )

    reason = {"read-only": os.strerror(errno.EROFS), "full": os.strerror(errno.ENOSPC), "a file": "is a file"}
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert str(home) in line
    assert reason[damage] in line


def make_read_only(disk: Path) -> None:
    subprocess.run([ENV, "mount", "-o", "remount,ro", str(disk)], check=True)


def test_a_trainer_whose_disk_fills_up_says_so_in_a_line_and_goes_on_when_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    subprocess.run([ENV, "mount", "-o", "remount,size=64m", str(disk)], check=True)
    home, log = disk / "home", tmp_path / "log"
    given = {"STOCKS_TICKERS": '["AAPL"]', "STOCKS_HORIZONS": "[1]", "STOCKS_TRAINING__TESTED": "250"}
    worker = [sys.executable, "-m", "training.worker.process"]
    with log.open("wb") as output:
        process = subprocess.Popen(worker, cwd=ROOT, env=environment(home, **given), stdout=output, stderr=output)
    try:
        wait_until(lambda: "training.finished" in log.read_text(), PATIENT, "a register is there")
        jobs = TrainingJobs(home)
        asked = jobs.add("AAPL", [1], RETRAIN)
        wait_until(lambda: jobs.get(asked.job_id) != asked, PATIENT, "it trains")
        fill(disk)
        wait_until(lambda: "training.waits" in log.read_text(), PATIENT, "it waits")
        (disk / "filler").unlink()
        wait_until(lambda: log.read_text().count("training.finished") == 2, PATIENT, "trained after all")
    finally:
        process.terminate()
        process.wait(timeout=PATIENT)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "training.waits"]
    assert line["problem"] == f"the trainer waits for room on the disk of {home}, which is full"
    assert "Traceback" not in log.read_text()
    assert "INSERT INTO" not in log.read_text()
    assert [line["outcome"] for line in lines if line["event"] == "training.finished"] == ["promoted", "promoted"]
