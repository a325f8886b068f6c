"""A trainer that dies comes back and goes on; a list of trainings that is damaged prevents nothing."""

import json
import signal
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

from tests.patience import PATIENT
from tests.serving.running import Service, wait_until
from training_queue.worker_lock import WorkerLock

pytestmark = [pytest.mark.slow, pytest.mark.fault]

WITHIN = PATIENT
FEW = {"STOCKS_TICKERS": '["AAPL"]', "STOCKS_HORIZONS": "[1]", "STOCKS_TRAINING__TESTED": "250"}


@pytest.fixture
def service(start_service: Callable[..., Service]) -> Service:
    service = start_service(trainer=True, **FEW)
    wait_until(WorkerLock(service.home).held, WITHIN, "a trainer lives")
    return service


def trainer(service: Service) -> psutil.Process | None:
    return service.child("training.worker.process")


def retrain(service: Service) -> Any:
    return httpx.post(f"{service.url}/model/retrain/AAPL", timeout=PATIENT)


def job(service: Service, job_id: str) -> Any:
    return httpx.get(f"{service.url}/model/retrain/{job_id}", timeout=PATIENT).json()


def alive_metric(service: Service) -> str:
    lines = httpx.get(f"{service.url}/metrics", timeout=PATIENT).text.splitlines()
    return next(line for line in lines if line.startswith("stocks_trainer_alive "))


def test_a_killed_trainer_comes_back_and_its_job_with_it(service: Service) -> None:
    job_id = retrain(service).json()["job_id"]
    wait_until(lambda: job(service, job_id)["status"] == "running", WITHIN, "it trains")
    killed = trainer(service)
    assert killed is not None

    killed.send_signal(signal.SIGKILL)

    wait_until(lambda: (found := trainer(service)) is not None and found.pid != killed.pid, WITHIN, "another trainer")
    wait_until(WorkerLock(service.home).held, WITHIN, "it works the queue")
    assert retrain(service).json()["job_id"] == job_id, "the job is still open"
    wait_until(lambda: job(service, job_id)["status"] in {"promoted", "kept"}, WITHIN, "trained after all")
    assert alive_metric(service).endswith(" 1.0")
    assert "trainer.ended" in service.log


def test_a_dead_trainer_is_said_and_costs_no_answer(service: Service) -> None:
    frozen = trainer(service)
    assert frozen is not None
    # What starts it again stands still meanwhile, so that its absence can be looked at.
    supervisor = psutil.Process(service.process.pid)
    assert httpx.get(f"{service.url}/health", timeout=PATIENT).json()["status"] == "healthy"
    supervisor.send_signal(signal.SIGSTOP)
    try:
        frozen.kill()
        wait_until(lambda: not WorkerLock(service.home).held(), WITHIN, "the trainer is dead")
        health = httpx.get(f"{service.url}/health", timeout=PATIENT).json()
        assert health["reasons"] == ["the trainer does not run; it is started again"]
        assert alive_metric(service).endswith(" 0.0")
        asked = retrain(service)
        assert asked.status_code == 202
        assert httpx.get(f"{service.url}/predict/AAPL", timeout=PATIENT).status_code == 200
    finally:
        supervisor.send_signal(signal.SIGCONT)

    job_id = asked.json()["job_id"]
    wait_until(lambda: job(service, job_id)["status"] in {"promoted", "kept"}, WITHIN, "trained by the next trainer")


def test_a_damaged_list_of_trainings_prevents_neither_start_nor_metrics(service: Service) -> None:
    path = service.home / "jobs" / "jobs.sqlite"
    httpx.get(f"{service.url}/metrics", timeout=PATIENT)
    path.write_bytes(b"damaged " * 1000)

    for address in ("/metrics", "/model/status/AAPL", "/health", "/metrics"):
        assert httpx.get(f"{service.url}{address}", timeout=PATIENT).status_code == 200
    wait_until(lambda: retrain(service).status_code == 202, WITHIN, "a new list is there")

    assert [*path.parent.glob("jobs.damaged-*")]
    events = [json.loads(line)["event"] for line in service.log.splitlines() if line.startswith("{")]
    assert "queue.damaged" in events
