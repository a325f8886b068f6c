"""A canary whose model raises costs no answer: the champion gives it, the experiment stops, also over a restart."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from forecasting.model_store import PublishedModel
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import Service, start, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.fault]

WITHIN = PATIENT
CANARY = {"name": "tenth", "challenger": "boosting", "tickers": ["AAPL"], "horizons": [1], "share": 1.0}
SETTINGS = {
    "STOCKS_SERVING__EXPERIMENTS": json.dumps([CANARY]),
    "STOCKS_TICKERS": '["AAPL", "MSFT"]',
    "STOCKS_TRAINING__ON_START": "false",
    "STOCKS_CACHE__MEMORY_TTL": "0",
    "STOCKS_CACHE__PREDICTION_TTL": "0",
}


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service(**SETTINGS, STOCKS_SERVING__WORKERS="2")


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=WITHIN) as connection:
        yield connection


def arm(client: httpx.Client) -> tuple[Any, Any]:
    """Version and arm of an answer, which there must be."""
    answer = client.get("/predict/AAPL", headers={"Connection": "close"})
    assert answer.status_code == 200, answer.text
    return answer.json()["model"]["version"], answer.headers.get("x-model-arm")


def challenger_version(client: httpx.Client) -> Any:
    """The version that the experiment tests."""
    (challenger,) = client.get("/experiments/tenth").json()["challengers"]
    return challenger["version"]


def test_a_canary_answers_fails_stops_in_all_workers_and_stays_stopped_after_a_restart(
    service: Service, client: httpx.Client, publisher: Callable[[Any], Any], raising_forest: bytes
) -> None:
    publish: Callable[..., PublishedModel] = publisher(service.home / "bentoml" / "models")
    publish("AAPL", version=1)
    publish("AAPL", version=2, experiment="tenth")
    wait_until(lambda: arm(client) == (2, "tenth/challenger"), WITHIN, "the canary answers")
    assert client.get("/experiments").json()[0]["status"] == "running"

    publish("AAPL", version=3, experiment="tenth", forest=raising_forest)
    wait_until(lambda: arm(client)[0] == 1, WITHIN, "the champion answers in its place")
    wait_until(lambda: all(arm(client) == (1, None) for _ in range(20)), WITHIN, "and in every worker")

    figures = client.get("/metrics").text
    assert "stocks_forest_batch_rows_count" in figures
    assert 'stocks_arm_failures_total{arm="tenth/challenger"} ' in figures

    stopped = client.get("/experiments/tenth").json()
    assert (stopped["status"], stopped["answered"]) == ("stopped", [])
    assert "failed where the champion answers" in stopped["reason"]
    wait_until((service.home / "experiments" / "experiments.sqlite").exists, WITHIN, "it is kept")

    service.end()
    again = start(service.home, free_port(), **SETTINGS)
    try:
        with httpx.Client(base_url=again.url, timeout=WITHIN) as connection:
            assert connection.get("/experiments/tenth").json()["status"] == "stopped"
            assert arm(connection) == (1, None)
            publish("AAPL", version=4, experiment="tenth")
            wait_until(lambda: challenger_version(connection) == 4, WITHIN, "the new challenger passed its trial")
            assert connection.post("/experiments/tenth/start").json()["trial"] == 2
            wait_until(lambda: arm(connection) == (4, "tenth/challenger"), WITHIN, "a new start has it answer again")
            assert connection.post("/experiments/tenth/stop").json()["reason"] == "by hand"
            refused = connection.post("/experiments/tenth/start", headers={"Origin": "https://elsewhere.example"})
            assert refused.status_code == 403
            assert connection.post("/experiments/other/start").status_code == 404
    finally:
        again.end()
