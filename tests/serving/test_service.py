"""The whole service, as a process of its own on simulated prices."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from configuration import ROOT
from forecasting.published import Published

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("service")]

TICKERS = ["AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM"]
START_WITHIN, SWAP_WITHIN = 60.0, 10.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(home: Path, **given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STOCKS_", "BENTOML_", "PROM"))}
    kept.pop("REDIS_URL", None)
    own = {"STOCKS_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    return {**kept, **own, "STOCKS_MARKET__PROVIDERS": '["simulated"]', "STOCKS_TRAINING__ON_START": "false", **given}


def serve(home: Path, port: int, log: Path, **given: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bentoml", "serve", "service:StockPrediction", "--port", str(port)]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment(home, **given), stdout=output, stderr=subprocess.STDOUT
        )


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    port = free_port()
    log = home / "service.log"
    process = serve(home, port, log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(address) or process.poll() is not None, START_WITHIN, log.read_text())
        wait_until(
            lambda: httpx.get(f"{address}/warmup/status").json()["completed_at"] is not None, START_WITHIN, "warm"
        )
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as connection:
        yield connection


def is_problem(answer: httpx.Response, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status == body["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and body.keys() == {"type", "title", "status", "detail", "instance"}
        and body["instance"] == answer.request.url.path
        and "x-response-time" in answer.headers
        and "server-timing" in answer.headers
    )


def test_a_prediction_has_the_shape_that_was_agreed(client: httpx.Client) -> None:
    answer = client.get("/predict/crm", params={"horizon": 5})
    body = answer.json()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert body.keys() == {"ticker", "current_price", "prediction", "model", "data", "timestamp"}
    assert body["ticker"] == "CRM"
    outlook = body["prediction"]
    keys = {"price_target", "change_percent", "direction", "confidence", "interval", "horizon", "made_on", "target_on"}
    assert outlook.keys() == keys
    assert outlook["interval"].keys() == {"level", "lower", "upper"}
    assert outlook["interval"]["lower"] < outlook["price_target"] < outlook["interval"]["upper"]
    assert outlook["direction"] in {"bullish", "bearish"}
    assert 0.5 <= outlook["confidence"] <= 1
    assert outlook["horizon"] == 5
    assert date.fromisoformat(outlook["made_on"]) < date.fromisoformat(outlook["target_on"])
    assert body["model"] == {"type": "baseline", "version": None, "run_id": None, "trained_at": None}
    assert body["data"].keys() == {"source", "history_source", "as_of", "provisional", "stale"}
    assert body["data"]["source"] == body["data"]["history_source"] == "simulated"
    assert datetime.fromisoformat(body["timestamp"]) <= datetime.now(UTC)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["timestamp"])


def test_every_answer_is_timed_and_every_prediction_says_where_it_came_from(client: httpx.Client) -> None:
    for path in ("/predict/AAPL", "/health", "/livez", "/readyz", "/tickers", "/nowhere", "/docs", "/openapi.json"):
        answer = client.get(path)
        assert re.fullmatch(r"\d+\.\d{3}", answer.headers["x-response-time"]), path
        assert "total;dur=" in answer.headers["server-timing"], path
    assert client.get("/predict/AAPL").headers["x-cache"] in {"memory", "redis", "prediction", "miss", "stale"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/predict/ZZZZ", None, 404),
        ("GET", "/predict/123", None, 422),
        ("GET", "/predict/AAPL?horizon=2", None, 422),
        ("GET", "/predict/AAPL?horizon=tomorrow", None, 422),
        ("GET", "/model/status/ZZZZ", None, 404),
        ("GET", "/model/status/AAPL?horizon=7", None, 422),
        ("GET", "/nowhere", None, 404),
        ("GET", "/predict", None, 405),
        ("DELETE", "/predict/AAPL", None, 405),
        ("POST", "/health", {}, 405),
        ("POST", "/predict", {}, 422),
        ("POST", "/predict", {"tickers": "AAPL"}, 422),
        ("POST", "/predict", {"tickers": []}, 422),
        ("POST", "/predict", {"tickers": ["AAPL"] * 1001}, 422),
        ("POST", "/predict", {"tickers": ["AAPL"], "horizon": 2}, 422),
        ("POST", "/predict", {"tickers": ["AAPL"], "horizon": "soon"}, 422),
    ],
)
def test_every_error_is_a_problem(client: httpx.Client, method: str, path: str, body: Any, status: int) -> None:
    assert is_problem(client.request(method, path, json=body), status)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"[1]", b'"AAPL"'])
def test_a_body_that_is_no_request_is_a_problem(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/predict", content=content, headers={"Content-Type": "application/json"})

    assert is_problem(answer, 422)


def test_one_bad_ticker_of_many_spoils_no_other(client: httpx.Client) -> None:
    body = client.post("/predict", json={"tickers": [*TICKERS, "NOPE", "!"]}).json()

    assert [one["ticker"] for one in body["predictions"]] == TICKERS
    assert [(problem["ticker"], problem["status"]) for problem in body["problems"]] == [("NOPE", 404), ("!", 422)]


def test_the_client_of_bentoml_works(url: str) -> None:
    ask = f"""
import bentoml, json
with bentoml.SyncHTTPClient({url!r}) as client:
    print(json.dumps(client.predict(tickers=["AAPL", "MSFT"], horizon=1)))
"""
    ended = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=True)

    found = json.loads(ended.stdout.splitlines()[-1])
    assert [one["ticker"] for one in found["predictions"]] == ["AAPL", "MSFT"]


def test_the_whole_surface_is_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    assert "post" in paths["/predict"]
    routes = {"/predict/{ticker}", "/model/status/{ticker}", "/tickers", "/health", "/warmup/status"}
    assert routes <= paths.keys()
    page = client.get("/docs")
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    for address in loaded:
        assert client.get(address).status_code == 200, "the page needs nothing from elsewhere"


def test_status_of_a_ticker_without_a_model(client: httpx.Client) -> None:
    status = client.get("/model/status/orcl").json()

    assert status["ticker"] == "ORCL"
    assert status["model_type"] == "baseline"
    assert not status["model_loaded"]
    assert status["metrics"] is None
    assert status["retrain_recommended"]
    assert status["reasons"]


def test_simulated_prices_and_missing_models_are_healthy(client: httpx.Client) -> None:
    assert client.get("/health").json()["status"] == "healthy"


def test_the_tickers_are_listed(client: httpx.Client) -> None:
    found = client.get("/tickers").json()

    assert [one["ticker"] for one in found] == TICKERS
    assert found[0] == {"ticker": "AAPL", "horizons": [1, 5, 21], "currency": "USD", "exchange": "XNYS"}


def test_a_model_published_while_it_runs_takes_over_without_a_restart(
    client: httpx.Client, home: Path, publisher: Callable[[Path], Callable[..., Published]]
) -> None:
    publish = publisher(home / "bentoml" / "models")

    def serves(version: int) -> bool:
        return bool(client.get("/predict/NVDA").json()["model"]["version"] == version)

    for version in (1, 2):
        publish("NVDA", version=version)
        wait_until(
            partial(serves, version),
            SWAP_WITHIN,
            f"version {version} serves",
        )

    assert client.get("/predict/NVDA").json()["model"]["type"] == "random_forest"
    status = client.get("/model/status/NVDA").json()
    assert status["model_loaded"]
    assert status["metrics"]["coverage"] == 0.9


def test_a_corrupt_model_is_refused_and_the_old_one_stays(
    client: httpx.Client, home: Path, publisher: Callable[[Path], Callable[..., Published]]
) -> None:
    publish = publisher(home / "bentoml" / "models")
    publish("META", version=1)
    wait_until(lambda: client.get("/predict/META").json()["model"]["version"] == 1, SWAP_WITHIN, "version 1 serves")
    publish("META", version=2, corrupt=True)

    def refusal() -> list[str]:
        found: list[str] = client.get("/model/status/META").json()["reasons"]
        return [reason for reason in found if "publish the model again" in reason]

    wait_until(lambda: bool(refusal()), SWAP_WITHIN, "the refusal is told")
    assert client.get("/predict/META").json()["model"]["version"] == 1


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STOCKS_CACHE__MEMORY_TTL", "soon", "cache.memory_ttl"),
        ("STOCKS_SERVING__RUNNER", "thread", "serving.runner"),
        ("STOCKS_NO_SUCH", "1", "STOCKS_NO_SUCH"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, variable: str, value: str, said: str) -> None:
    command = [sys.executable, "-m", "bentoml", "serve", "service:StockPrediction", "--port", str(free_port())]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(tmp_path, **{variable: value}),
        capture_output=True,
        text=True,
        timeout=START_WITHIN,
        check=False,
    )

    assert ended.returncode != 0
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if said in line]
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stderr


def test_answers_are_json_that_any_parser_reads(client: httpx.Client) -> None:
    text = client.get("/predict/MSFT").text

    assert "NaN" not in text
    assert json.loads(text)["ticker"] == "MSFT"
