"""The whole HTTP surface within this process: real parts, simulated prices, forests embedded, BentoML left out."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from compat.uvicorn_limits import Limits
from configuration import Settings
from market.calendar.sessions import Sessions
from serving.container import Container
from serving.http.middleware.cache_hits import CacheHits
from serving.http.middleware.entrance import make_entrance
from serving.http.middleware.native import NATIVE_PATHS
from serving.http.middleware.plain_requests import SMALL_BODY_BYTES
from serving.models.forest_calls import embedded_forests
from serving.telemetry import tracing
from serving.wiring import open_container
from tests.compat.test_uvicorn_limits import serving_app
from training_queue.worker_lock import WorkerLock

LIMITS = Limits(header_bytes=65_536, body_bytes=1_000_000, seconds=60.0)
Running = Callable[..., Any]
# They never end, and the client within this process waits for the end.
STREAMS = {"/stream/predictions", "/events"}


async def no_bentoml(_scope: Any, _receive: Any, _send: Any) -> None:
    """Stands for BentoML's own application, which is not within this process."""
    raise AssertionError("a path that BentoML answers")


@pytest.fixture
def running(make_settings: Callable[..., Settings], sessions: Sessions, tmp_path: Path) -> Running:
    """Start the application with settings of its own; gives a client and the parts."""

    @asynccontextmanager
    async def start(**given: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Container]]:
        chosen = {"tickers": ["AAPL", "MSFT"], "horizons": [1, 5], "market__providers": ["simulated"]}
        settings = make_settings(**chosen | given)
        _write_calendar(sessions, tmp_path / "home")
        container = open_container(settings, embedded_forests(settings))
        entrance = make_entrance(no_bentoml, settings, lambda: container)
        async with container.running():
            while container.warm_up.status().completed_at is None:  # noqa: ASYNC110  # as a client would
                await asyncio.sleep(0.01)
            known = CacheHits(settings, lambda: container)
            async with (
                serving_app(entrance, LIMITS, known) as port,
                httpx.AsyncClient(base_url=f"http://localhost:{port}") as client,
            ):
                yield client, container

    return start


def _write_calendar(sessions: Sessions, home: Path) -> None:
    """So that no process has to be started for it."""
    import numpy as np  # noqa: PLC0415

    folder = home / "calendar"
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: getattr(sessions, name) for name in ("session", "open_at", "close_at")}
    np.savez(folder / "XNYS.npz", **columns)


async def test_the_way_of_a_prediction_through_the_layers(running: Running, publish: Any) -> None:
    publish("AAPL", version=3)
    async with running() as (client, _):
        warm = await client.get("/predict/aapl")
        fresh = await client.get("/predict/AAPL", headers={"Cache-Control": "max-age=0, No-Cache"})
        other = await client.get("/predict/AAPL?horizon=5")
        again = await client.get("/predict/AAPL?horizon=5")
        long_way = await client.get("/predict/AAPL?horizon=05")

        layers = [one.headers["x-cache"] for one in (warm, fresh, other, again, long_way)]
        assert layers == ["memory", "miss", "miss", "memory", "memory"]
        assert warm.json()["model"]["version"] == 3
        assert again.content == other.content == long_way.content
        assert all("server-timing" in one.headers for one in (warm, fresh, other, again, long_way))
        assert all("x-request-id" in one.headers for one in (warm, fresh, other, again, long_way))
        own = await client.get("/predict/AAPL", headers={"X-Request-ID": "mine"})
        assert (own.headers["x-cache"], own.headers["x-request-id"]) == ("memory", "mine")


async def test_hits_are_logged_when_everything_is(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(serving__log_level="debug") as (client, _):
        await client.get("/predict/AAPL")

    assert "cache.hit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "status"), [("/predict/ZZZZ", 404), ("/predict/1", 422), ("/predict/AAPL?horizon=3", 422)]
)
async def test_what_cannot_be_asked_is_a_problem(running: Running, path: str, status: int) -> None:
    async with running() as (client, _):
        answer = await client.get(path)

        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/predict/AAPL?horzion=5", "'horzion' is no parameter of this address; those are horizon"),
        ("GET", "/predict/AAPL?horizon=5&Horizon=1", "'Horizon' is no parameter of this address; those are horizon"),
        ("GET", "/model/status/AAPL?x=", "'x' is no parameter"),
        ("POST", "/model/retrain/AAPL?horizons=1", "'horizons' is no parameter of this address; those are horizon"),
        ("GET", "/v2/models/AAPL?version=1", "'version' is no parameter of this address; there are none"),
        ("GET", "/predict/AAPL?horizon=5&horizon=5", "'horizon' stands there twice"),
        ("GET", "/health?probe=7", "'probe' is no parameter"),
        ("GET", "/metrics?name[]=stocks_request_seconds", "'name[]' is no parameter"),
        ("GET", "/readyz?verbose", "'verbose' is no parameter of this address; there are none"),
        ("POST", "/predict?horizon=5", "'horizon' is no parameter of this address; there are none"),
    ],
)
async def test_a_parameter_that_would_be_ignored_is_named(running: Running, method: str, path: str, said: str) -> None:
    async with running() as (client, _):
        answer = await client.request(method, path)

        assert answer.status_code == answer.json()["status"] == 422
        assert said in answer.json()["detail"]


async def test_head_answers_as_get_does_without_the_body(running: Running) -> None:
    async with running() as (client, _):
        for path in ("/predict/AAPL", "/predict/ZZZZ", "/tickers", "/health", "/metrics", "/docs", "/nowhere"):
            get, head = await client.get(path), await client.head(path)

            assert (head.status_code, head.content) == (get.status_code, b""), path
            assert head.headers.keys() == get.headers.keys(), path
            assert head.headers["content-type"] == get.headers["content-type"], path


async def test_head_is_answered_from_memory_too(running: Running) -> None:
    async with running() as (client, _):
        get = await client.get("/predict/AAPL")
        head = await client.head("/predict/AAPL")
        unchanged = await client.head("/predict/AAPL", headers={"If-None-Match": get.headers["etag"]})

        assert (head.headers["x-cache"], head.headers["content-length"]) == ("memory", str(len(get.content)))
        assert "cache;dur" in head.headers["server-timing"]
        assert (unchanged.status_code, unchanged.headers["etag"]) == (304, get.headers["etag"])


@pytest.mark.parametrize(
    ("path", "headers", "content", "status", "said"),
    [
        ("/predict", {}, b"", 422, "the body is missing"),
        ("/predict", {"Content-Type": "text/plain"}, b"{}", 415, "send `Content-Type: application/json`"),
        ("/predict", {"Content-Type": "multipart/form-data"}, b"{}", 415, "multipart/form-data"),
        ("/v2/models/AAPL/infer", {}, b"", 422, "the body is missing"),
        ("/v2/models/AAPL/infer", {"Content-Type": "x" * 500}, b"{}", 415, "x" * 100 + "'"),
    ],
)
async def test_a_body_of_another_kind_or_none_is_named(
    running: Running, path: str, headers: dict[str, str], content: bytes, status: int, said: str
) -> None:
    async with running() as (client, _):
        answer = await client.post(path, headers=headers, content=content)

        assert answer.status_code == answer.json()["status"] == status
        assert said in answer.json()["detail"]


async def test_what_is_not_there_says_where_to_look_and_echoes_little(running: Running) -> None:
    async with running() as (client, _):
        for path in ("/nowhere", "/health/", "/" + "x" * 5000):
            answer = await client.get(path)

            assert answer.status_code == 404
            assert "GET /docs" in answer.json()["detail"]
            assert len(answer.content) < 500


async def test_probes_and_scrapers_are_answered_when_all_places_are_taken(running: Running) -> None:
    async with running(serving__max_concurrency=1) as (client, container):
        reached, gate = asyncio.Event(), asyncio.Event()
        quote = container.market.quote

        async def slow(ticker: str) -> Any:
            reached.set()
            await gate.wait()
            return await quote(ticker)

        container.market.quote = slow
        waiting = asyncio.create_task(client.get("/predict/AAPL", headers={"Cache-Control": "no-cache"}))
        await reached.wait()

        assert (await client.get("/tickers")).status_code == 503
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        gate.set()
        assert (await waiting).status_code == 200


async def test_an_answer_that_the_client_has_is_not_sent_again(running: Running) -> None:
    async with running() as (client, _):
        first = await client.get("/predict/AAPL")
        same = {"If-None-Match": first.headers["etag"]}
        for path in ("/predict/AAPL", "/predict/AAPL?horizon=01"):
            again = await client.get(path, headers=same)

            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["x-cache"] == "memory"
        other = await client.get("/predict/AAPL", headers={"If-None-Match": '"another"'})
        fresh = await client.get("/predict/AAPL", headers=same | {"Cache-Control": "no-cache"})

        assert (other.status_code, other.content) == (200, first.content)
        assert fresh.headers["x-cache"] == "miss"


async def test_what_was_counted_in_memory_is_in_the_next_scrape(running: Running) -> None:
    def hits(text: str) -> float:
        counted = re.findall(r'^stocks_cache_total\{layer="memory"\} (\S+)', text, re.MULTILINE)
        return float(counted[0]) if counted else 0.0

    async with running() as (client, _):
        before = hits((await client.get("/metrics")).text)
        for _ in range(5):
            await client.get("/predict/AAPL")
        after = (await client.get("/metrics")).text

        assert hits(after) == before + 5
        assert 'stocks_request_seconds_count{method="GET",route="/predict/{ticker}",status="200"}' in after


def counted_since(before: str, after: str) -> str:
    """What a service shows that has only counted what came after `before`; earlier tests counted in this process."""

    def series(line: str) -> str:
        return re.sub(r'(_bucket|_sum|_count)(?=[{ ])|,?le="[^"]*"', "", line.rpartition(" ")[0])

    earlier = set(before.splitlines())
    # Servers keep their metrics in shared files, which have no times of creation and nothing of a single process.
    lines = [line for line in after.splitlines() if not re.search(r"_created|^(# \w+ )?(python|process)_", line)]
    counted = {series(line) for line in lines if line not in earlier}
    return "\n".join(line for line in lines if line.startswith("#") or series(line) in counted)


async def test_scrapes_stay_small_and_name_releases_and_models(running: Running, publish: Any) -> None:
    tickers = ["AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM"]
    for ticker in tickers:
        publish(ticker, version=7)
    async with running(tickers=tickers, horizons=[1, 5, 21]) as (client, _):
        before = (await client.get("/metrics")).text
        paths = (await client.get("/openapi.json")).json()["paths"]
        for path in paths:
            for name in ("AAPL", "ZZZZ", "0"):
                address = re.sub(r"\{\w+\}", name, path)
                for method in ("GET", "POST", "HEAD"):
                    if path not in NATIVE_PATHS | STREAMS:
                        await client.request(method, address)
                        await client.request(method, address + "?unknown=1")
        for ticker in tickers:
            for horizon in (1, 5, 21):
                await client.get(f"/predict/{ticker}?horizon={horizon}")
        text = (await client.get("/metrics")).text

        assert len(counted_since(before, text)) < 100_000
        assert "stocks_build_info{" in text
        assert 'stocks_model_info{horizon="1",ticker="AAPL",version="7"} 1.0' in text
        assert text.count("stocks_model_info{") == len(tickers)
        assert 'version="7"' not in "".join(re.findall("^stocks_predictions_total.*", text, re.MULTILINE))


async def test_an_unset_horizon_is_one_session_and_must_be_configured(running: Running) -> None:
    async with running(horizons=[5]) as (client, _):
        assert (await client.get("/predict/AAPL")).status_code == 422
        assert (await client.get("/predict/AAPL?horizon=5")).status_code == 200


async def test_more_requests_than_allowed_are_refused_with_a_time_to_come_back(running: Running) -> None:
    async with running(serving__max_concurrency=2) as (client, container):
        gate = asyncio.Event()
        quote = container.market.quote

        async def slow(ticker: str) -> Any:
            await gate.wait()
            return await quote(ticker)

        container.market.quote = slow
        no_cache = {"Cache-Control": "no-cache"}
        waiting = [asyncio.create_task(client.get("/predict/AAPL", headers=no_cache)) for _ in range(2)]
        await asyncio.sleep(0.05)

        refused = await client.get("/tickers")

        gate.set()
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert [(await one).status_code for one in waiting] == [200, 200]
        assert (await client.get("/health")).status_code == 200


async def test_everything_else_answers(running: Running, publish: Any, tmp_path: Path) -> None:
    publish("AAPL")
    WorkerLock(tmp_path / "home").take()
    async with running() as (client, _):
        for path in ("/tickers", "/health", "/warmup/status", "/performance/metrics", "/performance/summary", "/docs"):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.get("/model/status/AAPL")).json()["model_loaded"]
        assert "stocks_request_seconds" in (await client.get("/metrics")).text
        assert "/predict/{ticker}" in (await client.get("/openapi.json")).json()["paths"]
        queued = await client.post("/model/retrain/MSFT")
        assert queued.status_code == 202
        assert (await client.get(queued.headers["location"])).json()["status"] == "queued"


async def test_the_forests_by_themselves(running: Running, publish: Any) -> None:
    published = publish("AAPL", version=2, below=(0.25, -0.5, 0.0), above=(0.75, 0.5, 1.0))
    width = len(published.card.features)
    row = {"name": "X", "shape": [1, width], "datatype": "FP32", "data": [1.0] * width}
    async with running() as (client, _):
        for path in (
            "/v2",
            "/v2/health/live",
            "/v2/models/AAPL",
            "/v2/models/AAPL/ready",
            "/v2/models/AAPL/versions/2",
        ):
            assert (await client.get(path)).status_code == 200, path
        answer = await client.post("/v2/models/AAPL/versions/2/infer", json={"inputs": [row]})
        assert answer.json()["outputs"][0]["data"] == [0.75, 0.5, 1.0]
        assert len((await client.post("/v2/repository/index")).json()) == 4
        ready = await client.post("/v2/repository/index", json={"ready": True})
        assert [model["name"] for model in ready.json()] == ["forest-aapl-1"]
        assert (await client.post("/v2/repository/index", content=b"[]")).status_code == 422


async def test_small_requests_to_a_forest_are_answered_as_large_ones_are(running: Running, publish: Any) -> None:
    published = publish("AAPL", version=2, below=(0.25, -0.5, 0.0), above=(0.75, 0.5, 1.0))
    width = len(published.card.features)
    row = {"name": "X", "shape": [1, width], "datatype": "FP32", "data": [1.0] * width}
    body = json.dumps({"inputs": [row]})
    async with running() as (client, _):
        small = await client.post("/v2/models/AAPL/infer", content=body)
        large = await client.post("/v2/models/AAPL/infer", content=body + " " * SMALL_BODY_BYTES)

        assert small.content == large.content
        assert small.headers["content-type"] == large.headers["content-type"]
        assert "server-timing" in small.headers
        assert (await client.post("/v2/models/AAPL/infer", content=b"{}")).status_code == 422
        assert (await client.post("/v2/models/NOPE/infer", content=body)).status_code == 404
        assert (await client.get("/v2/models/AAPL/infer")).status_code == 405


async def test_a_training_that_ended_makes_the_next_answer_a_new_one(running: Running, tmp_path: Path) -> None:
    WorkerLock(tmp_path / "home").take()
    async with running() as (client, container):
        await container.retraining.ask("AAPL", 1)
        jobs = container.retraining._jobs  # noqa: SLF001  # the worker's side of the queue
        step = jobs.claim()
        jobs.finish(step, "kept", "no better")
        await asyncio.sleep(1.5)

        assert (await client.get("/predict/AAPL")).headers["x-cache"] != "memory"


async def test_spans_reach_the_collector_when_tracing_is_on(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # as the library has it
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(tracing, "_state", {})
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    async with running(tracing__enabled=True, tracing__endpoint=endpoint) as (client, _):
        assert not tracing.enabled(), "off until a service switches it on"
        provider = tracing.configure(_tracing(endpoint))
        assert provider is not None
        await client.get("/predict/AAPL", headers={"Cache-Control": "no-cache"})
        await asyncio.to_thread(provider.shutdown)
    server.shutdown()
    thread.join()
    server.server_close()

    sent = b"".join(received)
    for name in (b"GET /predict/{ticker}", b"prices", b"render"):
        assert name in sent


def _tracing(endpoint: str) -> Any:
    from configuration import Tracing  # noqa: PLC0415

    return Tracing(enabled=True, endpoint=endpoint, sample_rate=1.0)


def test_tracing_that_is_off_is_one_shared_object_that_does_nothing() -> None:
    assert tracing.configure(_tracing("http://127.0.0.1:1").model_copy(update={"enabled": False})) is None
    assert tracing.span("a") is tracing.span("b") is tracing.request_span("c", {})
