"""Forests that freeze, die or break cost no answer: the baseline gives it, and the service says so."""

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from forecasting.card import FOREST_FILE
from forecasting.model_store import PublishedModel
from tests.patience import PATIENT
from tests.serving.running import Service, wait_until

pytestmark = pytest.mark.slow

WITHIN = PATIENT
Publisher = Callable[[Any], Callable[..., PublishedModel]]


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service(STOCKS_SERVING__FOREST_TIMEOUT="0.5")


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=WITHIN) as connection:
        yield connection


@pytest.fixture
def published(service: Service, client: httpx.Client, publisher: Publisher) -> PublishedModel:
    """A model that serves."""
    model = publisher(service.home / "bentoml" / "models")("AAPL")
    wait_until(lambda: answered_by(client) == "random_forest", WITHIN, "the model serves")
    return model


def runner(service: Service) -> psutil.Process:
    found = service.child("forest_runner")
    assert found is not None
    return found


def answered_by(client: httpx.Client) -> str:
    answer = client.get("/predict/AAPL", headers={"Cache-Control": "no-cache"})
    assert answer.status_code == 200, answer.text
    kind: str = answer.json()["model"]["type"]
    return kind


def json_lines(service: Service) -> list[dict[str, Any]]:
    """What was logged; there is nothing but JSON in a log."""
    return [json.loads(line) for line in service.log.splitlines()]


def reasons(client: httpx.Client) -> str:
    return "; ".join(client.get("/health").json()["reasons"])


def test_frozen_forests_are_replaced_by_the_baseline_until_they_answer_again(
    service: Service, client: httpx.Client, published: PublishedModel
) -> None:
    frozen = runner(service)
    frozen.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: answered_by(client) == "baseline", WITHIN, "the baseline answers")
        assert "the forests do not answer" in reasons(client)
        assert client.get("/readyz").status_code == 200
        inputs = [{"name": "X", "datatype": "FP32", "shape": [1, 24], "data": [0.0] * 24}]
        assert client.post("/v2/models/AAPL/infer", json={"inputs": inputs}).status_code == 503
    finally:
        frozen.send_signal(signal.SIGCONT)

    wait_until(lambda: answered_by(client) == "random_forest", WITHIN, "the model answers again")
    assert "the forests do not answer" not in reasons(client)
    assert published.folder.exists()


def test_killed_forests_cost_no_answer_and_come_back(
    service: Service, client: httpx.Client, published: PublishedModel
) -> None:
    killed = runner(service)
    killed.kill()
    killed.wait(WITHIN)

    wait_until(lambda: answered_by(client) == "random_forest", WITHIN, "the model answers again")

    assert runner(service).pid != killed.pid
    (ended,) = [line for line in json_lines(service) if line.get("pid") == killed.pid]
    assert (ended["event"], ended["service"], ended["signal"]) == ("worker.ended", "forest_runner", "SIGKILL")
    counted = client.get("/metrics").text
    assert 'stocks_workers_ended_total{service="forest_runner"} 0.0' not in counted
    assert 'stocks_workers_ended_total{service="stock_prediction"} 0.0' in counted
    assert published.folder.exists()


def test_a_model_broken_while_it_serves_is_reported_as_what_it_is(
    service: Service, client: httpx.Client, published: PublishedModel
) -> None:
    forest = published.folder / FOREST_FILE
    whole = forest.read_bytes()
    forest.write_bytes(whole[: len(whole) // 2])
    runner(service).kill()  # which has the whole one open

    wait_until(lambda: "not the file its card belongs to" in reasons(client), WITHIN, "health says so")
    status = client.get("/model/status/AAPL").json()
    assert (status["model_type"], status["model_loaded"], status["retrain_recommended"]) == ("baseline", False, True)
    assert answered_by(client) == "baseline"
    assert client.get("/v2/models/AAPL/ready").status_code == 503
    refused = [line for line in json_lines(service) if "not the file its card belongs to" in str(line)]
    assert {line["event"] for line in refused} <= {"fallback", "model.refused"}
    assert not any("exception" in line for line in json_lines(service))

    forest.write_bytes(whole)
    wait_until(lambda: answered_by(client) == "random_forest", WITHIN, "the mended model answers")
    assert reasons(client) == ""
