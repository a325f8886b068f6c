"""The whole service in its other forms: with Redis and two workers, embedded, with keys, and with a trainer."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from forecasting.model_store import PublishedModel
from tests.patience import PATIENT
from tests.serving.running import Service, wait_until
from training_queue.worker_lock import WorkerLock

pytestmark = pytest.mark.slow

# Importing MLflow and scikit-learn alone takes ten seconds of a quiet machine.
TRAINED_WITHIN, ENDED_WITHIN = PATIENT, PATIENT
FEW = '["AAPL", "MSFT"]'


def version(url: str, ticker: str) -> int | None:
    found: int | None = httpx.get(f"{url}/predict/{ticker}", timeout=PATIENT).json()["model"]["version"]
    return found


def test_embedded_forests_in_two_workers_that_share_redis(
    start_service: Callable[..., Service], redis_url: str, publisher: Callable[[Path], Callable[..., PublishedModel]]
) -> None:
    service = start_service(
        REDIS_URL=redis_url,
        STOCKS_TICKERS=FEW,
        STOCKS_SERVING__RUNNER="embedded",
        STOCKS_SERVING__WORKERS="2",
        STOCKS_SECURITY__API_KEYS='["open-sesame"]',
        STOCKS_CACHE__MEMORY_TTL="0",
    )
    assert service.child("forest_runner") is None
    publisher(service.home / "bentoml" / "models")("AAPL", version=9)
    # Each request has a connection of its own, so that both workers are asked.
    wait_until(lambda: {version(service.url, "AAPL") for _ in range(20)} == {9}, 120, "both serve version 9")

    layers = {httpx.get(f"{service.url}/predict/AAPL", timeout=PATIENT).headers["x-cache"] for _ in range(20)}

    assert "redis" in layers
    assert layers <= {"redis", "prediction"}, "a reading that comes too late is done without"
    assert httpx.get(f"{service.url}/health", timeout=PATIENT).json()["status"] == "healthy"
    counted = httpx.get(f"{service.url}/performance/metrics", timeout=PATIENT).json()["cache_performance"]["by_layer"]
    assert sum(counted.values()) >= 40, "over both workers"
    _only_with_a_key(service.url)


def _only_with_a_key(url: str) -> None:
    def retrain(**headers: str) -> httpx.Response:
        return httpx.post(f"{url}/model/retrain/NOPE", headers=headers, timeout=PATIENT)

    assert retrain().status_code == 401
    assert retrain(Authorization="Bearer wrong").status_code == 401
    assert retrain(Authorization="Bearer open-sesame").status_code == 404, "it is let in, and there is no such ticker"


@pytest.fixture(scope="module")
def training(start_service: Callable[..., Service]) -> Service:
    return start_service(
        trainer=True,
        STOCKS_TICKERS=FEW,
        STOCKS_HORIZONS="[1]",
        STOCKS_TRAINING__ON_START="true",
        STOCKS_TRAINING__TESTED="130",
        STOCKS_TRAINING__REFIT_EVERY="130",
        FORWARDED_ALLOW_IPS="*",
    )


def test_the_environment_lets_no_stranger_claim_to_come_from_here(training: Service) -> None:
    claimed = {"X-Forwarded-For": "127.0.0.1"}
    asked = httpx.post(f"{training.url}/model/retrain/NOPE", headers=claimed, timeout=PATIENT)
    assert asked.status_code == 403, "security.trusted_proxies counts, which is empty"


def test_what_is_missing_is_trained_and_served_and_trained_again_on_request(training: Service) -> None:
    url = training.url
    assert version(url, "MSFT") in {None, 1}, "the baseline answers from the start"
    wait_until(lambda: version(url, "AAPL") == version(url, "MSFT") == 1, TRAINED_WITHIN, "both have a forest")

    assert httpx.get(f"{url}/performance/summary", timeout=PATIENT).json()["trainer_memory_mb"] > 1, (
        "beside the service"
    )

    asked = httpx.post(f"{url}/model/retrain/aapl", timeout=PATIENT)
    again = httpx.post(f"{url}/model/retrain/AAPL?horizon=1", timeout=PATIENT)

    assert asked.status_code == again.status_code == 202
    assert asked.json()["job_id"] == again.json()["job_id"]
    assert asked.headers["location"] == f"/model/retrain/{asked.json()['job_id']}"
    job: dict[str, Any] = {}

    def ended() -> bool:
        job.update(httpx.get(url + asked.headers["location"], timeout=PATIENT).json())
        return job["finished_at"] is not None

    wait_until(ended, TRAINED_WITHIN, "the training has ended")
    assert job["status"] in {"promoted", "kept"}, job
    assert job["queued_at"] <= job["started_at"] <= job["finished_at"]
    assert job["reason"]
    if job["status"] == "promoted":
        wait_until(lambda: version(url, "AAPL") == 2, 120, "version 2 serves")


def test_the_trainer_ends_with_the_service_however_that_ends(start_service: Callable[..., Service]) -> None:
    service = start_service(trainer=True, STOCKS_TICKERS=FEW)
    lock = WorkerLock(service.home)
    wait_until(lock.held, ENDED_WITHIN, "the trainer lives")
    family = service.children()
    trainer = service.child("training.worker.process")
    assert trainer is not None
    assert trainer.nice() >= 10

    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    wait_until(lambda: not trainer.is_running() or trainer.status() == psutil.STATUS_ZOMBIE, ENDED_WITHIN, "it ended")

    # The first thread of a killed process may be gone before the others, which have its files until then.
    wait_until(lambda: not lock.held(), ENDED_WITHIN, "the lock is free")
    for process in family:
        if process.is_running():
            process.kill()
