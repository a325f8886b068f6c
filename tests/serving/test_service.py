"""The whole service, as a process of its own on simulated prices."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from configuration import ROOT
from forecasting.model_store import PublishedModel
from tests.patience import PATIENT
from tests.serving.running import START_WITHIN, Service, command, environment, wait_until

pytestmark = pytest.mark.slow

TICKERS = ["AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM"]
SWAP_WITHIN = PATIENT


@pytest.fixture(scope="module")
def service(start_service: Callable[..., Service]) -> Service:
    return start_service()


@pytest.fixture
def home(service: Service) -> Path:
    return service.home


@pytest.fixture
def url(service: Service) -> str:
    return service.url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=PATIENT) as connection:
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
    price_prediction = body["prediction"]
    keys = {"price_target", "change_percent", "direction", "confidence", "interval", "horizon", "made_on", "target_on"}
    assert price_prediction.keys() == keys
    assert price_prediction["interval"].keys() == {"level", "lower", "upper"}
    assert (
        price_prediction["interval"]["lower"] < price_prediction["price_target"] < price_prediction["interval"]["upper"]
    )
    assert price_prediction["direction"] in {"bullish", "bearish"}
    assert 0.5 <= price_prediction["confidence"] <= 1
    assert price_prediction["horizon"] == 5
    assert date.fromisoformat(price_prediction["made_on"]) < date.fromisoformat(price_prediction["target_on"])
    assert body["model"] == {"type": "baseline", "version": None, "run_id": None, "trained_at": None}
    assert body["data"].keys() == {"source", "history_source", "as_of", "provisional", "stale", "report"}
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
        ("GET", "/model/retrain/nonsense", None, 404),
        ("POST", "/model/retrain/ZZZZ", None, 404),
        ("POST", "/v2/models/ZZZZ/infer", {}, 404),
        ("GET", "/v2/models/AMZN/ready", None, 503),
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


def test_what_a_client_got_wrong_is_told_to_the_client_and_not_to_the_log(
    service: Service, client: httpx.Client
) -> None:
    wrong = [{"tickers": ["AAPL"], "horizon": 2}, {"tickers": "AAPL"}, {"horizon": 1}]

    told = [client.post("/predict", json=body).json()["detail"] for body in wrong]

    assert told[0] == "horizon 2 is not configured; the horizons are 1, 5, 21 sessions"
    assert told[1:] == ["tickers: Input should be a valid array", "tickers: Field required"]
    assert "Exception on" not in service.log


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b" " * 1_048_577, 413, "the body has more than 1048576 bytes"),
        (json.dumps({"tickers": ["A" * 500_000]}).encode(), 200, ""),
        (json.dumps({"tickers": ["AAPL"], "horizons": 5}).encode(), 422, "horizons: Extra inputs are not permitted"),
        (json.dumps({"tickers": ["AAPL"], "horizon": "5"}).encode(), 422, "horizon: Input should be a valid integer"),
        (json.dumps({"tickers": ["AAPL"] * 1001}).encode(), 422, "at most 1000 may be in one request"),
    ],
)
def test_bodies_are_held_to_limits_and_echoed_shortly(
    client: httpx.Client, body: bytes, status: int, said: str
) -> None:
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == status
    assert said in answer.text
    assert len(answer.content) < 1000
    assert status == 200 or is_problem(answer, status)


def test_long_headers_are_refused(client: httpx.Client) -> None:
    assert is_problem(client.get("/tickers", headers={"Cookie": "x" * 65_536}), 431)


def test_what_browsers_send_for_a_form_is_refused(client: httpx.Client) -> None:
    answer = client.post("/predict", content=b"{}", headers={"Content-Type": "multipart/form-data"})

    assert is_problem(answer, 415)


def test_the_api_is_described_once(client: httpx.Client) -> None:
    assert client.get("/docs.json").json() == client.get("/openapi.json").json()


def test_what_is_no_text_spoils_no_ticker_and_one_named_twice_is_answered_twice(client: httpx.Client) -> None:
    body = client.post("/predict", json={"tickers": ["AAPL", 5, None, "aapl", ["MSFT"]]}).json()

    assert [one["ticker"] for one in body["predictions"]] == ["AAPL", "AAPL"]
    assert [(one["ticker"], one["status"]) for one in body["problems"]] == [
        ("(5)", 422),
        ("(null)", 422),
        ('(["MSFT"])', 422),
    ]


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
    ended = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=PATIENT, check=True)

    found = json.loads(ended.stdout.splitlines()[-1])
    assert [one["ticker"] for one in found["predictions"]] == ["AAPL", "MSFT"]


def test_the_whole_surface_is_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    assert "post" in paths["/predict"]
    routes = {
        *("/predict/{ticker}", "/model/status/{ticker}", "/model/retrain/{ticker}", "/tickers", "/health", "/metrics"),
        *("/warmup/status", "/performance/metrics", "/performance/summary", "/v2/models/{name}/infer"),
    }
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
    client: httpx.Client, home: Path, publisher: Callable[[Path], Callable[..., PublishedModel]]
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
    client: httpx.Client, home: Path, publisher: Callable[[Path], Callable[..., PublishedModel]]
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
    assert client.get("/health").json()["status"] == "degraded"
    publish("META", version=3)
    wait_until(lambda: client.get("/predict/META").json()["model"]["version"] == 3, SWAP_WITHIN, "a good one serves")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STOCKS_CACHE__MEMORY_TTL", "soon", "cache.memory_ttl"),
        ("STOCKS_SERVING__RUNNER", "thread", "serving.runner"),
        ("STOCKS_NO_SUCH", "1", "STOCKS_NO_SUCH"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, variable: str, value: str, said: str) -> None:
    ended = subprocess.run(
        command(port=0),
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


def test_a_second_answer_comes_from_memory_and_no_cache_asks_for_a_new_one(client: httpx.Client) -> None:
    client.get("/predict/TSLA")
    layers = [client.get("/predict/tsla").headers["x-cache"] for _ in range(3)]
    fresh = client.get("/predict/TSLA", headers={"Cache-Control": "no-cache"})

    assert layers == ["memory"] * 3
    assert fresh.headers["x-cache"] == "miss"
    assert {"prices", "render"} <= set(re.findall(r"(\w+);dur", fresh.headers["server-timing"]))


def test_the_request_id_of_the_client_comes_back_and_others_get_one(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Request-ID": "mine"}).headers["x-request-id"] == "mine"
    given = client.get("/health", headers={"X-Request-ID": "x" * 300}).headers["x-request-id"]
    assert len(given) == 32


def test_a_hundred_users_at_once_get_right_answers(url: str) -> None:
    def user(number: int) -> list[tuple[int, str, str]]:
        with httpx.Client(base_url=url, timeout=PATIENT) as own:
            found = []
            for step in range(10):
                ticker = TICKERS[(number + step) % len(TICKERS)]
                headers = {"Cache-Control": "no-cache"} if step % 3 == 0 else {}
                answer = own.get(f"/predict/{ticker}", headers=headers)
                found.append((answer.status_code, ticker, answer.json().get("ticker", "")))
            return found

    with ThreadPoolExecutor(100) as pool:
        answers = [answer for found in pool.map(user, range(100)) for answer in found]

    assert len(answers) == 1000
    assert all(status == 200 and asked == answered for status, asked, answered in answers)


def test_fifty_swaps_under_load_fail_nothing_and_mix_nothing(
    client: httpx.Client, url: str, home: Path, publisher: Callable[[Path], Callable[..., PublishedModel]]
) -> None:
    """Each version's forest gives an expected return of its own, so the price target tells which one answered."""
    publish = publisher(home / "bentoml" / "models")
    publish("GOOGL", version=1, below=(0.01, 0.0, 0.0), above=(0.01, 0.0, 0.0), shrinkage=1.0)
    wait_until(lambda: client.get("/predict/GOOGL").json()["model"]["version"] == 1, SWAP_WITHIN, "version 1 serves")
    swapping = True

    def user(number: int) -> list[tuple[int, int, float]]:
        headers = {"Cache-Control": "no-cache"} if number % 2 else {}
        found = []
        with httpx.Client(base_url=url, timeout=PATIENT) as own:
            while swapping:
                answer = own.get("/predict/GOOGL", headers=headers)
                body = answer.json()
                found.append((answer.status_code, body["model"]["version"], body["prediction"]["change_percent"]))
        return found

    with ThreadPoolExecutor(8) as pool:
        users = [pool.submit(user, number) for number in range(8)]
        for version in range(2, 51):
            expected = version / 100
            publish("GOOGL", version=version, below=(expected, 0.0, 0.0), above=(expected, 0.0, 0.0), shrinkage=1.0)
            time.sleep(0.1)
        wait_until(lambda: client.get("/predict/GOOGL").json()["model"]["version"] == 50, SWAP_WITHIN, "the last one")
        swapping = False
        answers = [answer for done in users for answer in done.result()]

    unit = answers[0][2] / answers[0][1]
    assert {status for status, _, _ in answers} == {200}
    assert len({version for _, version, _ in answers}) > 3
    for _, version, change in answers:
        assert change == pytest.approx(version * unit, rel=0.02), "the card and the forest are of one version"


def test_the_forests_answer_clients_of_the_open_inference_protocol(
    client: httpx.Client, home: Path, publisher: Callable[[Path], Callable[..., PublishedModel]]
) -> None:
    publisher(home / "bentoml" / "models")("NFLX", version=6, below=(0.25, -0.5, 0.0), above=(0.75, 0.5, 1.0))
    ready = "/v2/models/NFLX/versions/6/ready"
    wait_until(lambda: client.get(ready).status_code == 200, SWAP_WITHIN, "version 6 is ready")
    (inputs,) = client.get("/v2/models/NFLX").json()["inputs"]
    row = {"name": "X", "shape": [1, inputs["shape"][1]], "datatype": "FP32", "data": [-1.0] * inputs["shape"][1]}

    answer = client.post("/v2/models/NFLX/infer", json={"inputs": [row]}).json()

    assert answer["outputs"][0]["data"] == [0.25, -0.5, 0.0]
    assert {"name": "forest-nflx-1", "version": "6", "state": "READY"} in client.post("/v2/repository/index").json()
    assert client.get("/v2").json()["name"]
    assert client.get("/v2/health/ready").status_code == 200


def test_figures_over_all_workers(client: httpx.Client) -> None:
    for _ in range(10):
        client.get("/predict/AAPL")
    found = client.get("/performance/metrics").json()
    summary = client.get("/performance/summary").json()

    top = {"timestamp", "request_performance", "memory_usage", "cache_performance"}
    assert top | {"prediction_performance", "provider_usage"} == found.keys()
    assert found["request_performance"]["GET /predict/{ticker}"]["count"] >= 10
    assert found["memory_usage"]["current_mb"] > 100, "all processes"
    assert found["cache_performance"]["by_layer"]["memory"] >= 10
    keys = {"api_performance", "ml_performance", "cache_performance", "memory_usage_mb", "trainer_memory_mb"}
    assert keys | {"status", "reasons"} == summary.keys()


def test_the_labels_of_the_metrics_are_bounded(client: httpx.Client) -> None:
    for number in range(20):
        client.get(f"/secret{number}/../admin.php")
        client.get(f"/predict/X{number}")
    text = client.get("/metrics").text

    assert "secret" not in text
    assert "X7" not in text
    assert 'route="unknown"' in text
    assert 'route="/predict/{ticker}"' in text
    for family in ("stocks_cache_total", "stocks_predictions_total", "stocks_batch_rows_bucket", "stocks_memory_bytes"):
        assert family in text
    for series in ('model_swaps_total{outcome="refused"}', 'trainings{status="failed"}', "redis_failures_total"):
        assert f"stocks_{series} " in text, "an alert sees no growth in a series that begins with its first event"


def test_strangers_may_not_retrain(client: httpx.Client) -> None:
    answer = client.post("/model/retrain/AAPL", headers={"X-Forwarded-For": "203.0.113.9"})

    assert is_problem(answer, 403)


def test_the_log_is_json_with_request_ids(service: Service, client: httpx.Client) -> None:
    def is_written() -> bool:
        """Ask again: a minute's predictions of one ticker share a line, and another test may have begun one."""
        client.get("/predict/ORCL", headers={"Cache-Control": "no-cache", "X-Request-ID": "find-me"})
        return "find-me" in service.log

    wait_until(is_written, SWAP_WITHIN, "the line is written")

    line = next(line for line in service.log.splitlines() if "find-me" in line)
    event = json.loads(line)
    assert (event["event"], event["ticker"], event["request_id"]) == ("prediction.computed", "ORCL", "find-me")
    assert event["confidence"] >= 0.5
