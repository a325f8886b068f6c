"""Two replicas behind one proxy: one Redis, one MLflow, a disk each. `make test-cluster` runs it; needs haproxy."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from mlflow.tracking import MlflowClient

from configuration import ROOT
from tests.mlflow_servers import end_tree, mlflow_server
from tests.patience import PATIENT
from tests.redis_servers import Server, free_port
from tests.serving.running import Service, environment, start, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("CLUSTER" not in os.environ, reason="`make test-cluster` runs it"),
]

NAME = "forest-AAPL-1"
KEY = "a-key-for-this-test-alone"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
# A request whose replica dies before it has answered goes to the other one; what changes something is sent once.
PROXY = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch 1
    retries 3
    retry-on all-retryable-errors
frontend in
    bind 127.0.0.1:{port}
    http-request disable-l7-retry if METH_POST
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /readyz
    default-server inter 500ms fall 2 rise 1
    server first 127.0.0.1:{first} check
    server second 127.0.0.1:{second} check
"""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two services, what they share, and the proxy before them."""

    services: tuple[Service, Service]
    proxy: str
    mlflow: str


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    folder, (proxy, first, second) = tmp_path_factory.mktemp("replicas"), (free_port() for _ in range(3))
    with ExitStack() as stack:
        redis = Server(folder / "redis").start()
        stack.callback(redis.stop)
        mlflow, _ = stack.enter_context(mlflow_server(folder / "mlflow"))
        services = (
            replica(stack, folder / "first", first, redis.url, mlflow),
            replica(stack, folder / "second", second, redis.url, mlflow),
        )
        (folder / "proxy.cfg").write_text(PROXY.format(port=proxy, first=first, second=second))
        command = shutil.which("haproxy") or pytest.fail("haproxy is not installed")
        process = subprocess.Popen([command, "-db", "-f", folder / "proxy.cfg"])
        stack.callback(process.wait)
        stack.callback(process.terminate)
        url = f"http://127.0.0.1:{proxy}"
        wait_until(lambda: answered(url), PATIENT, "the proxy")
        yield Replicas(services, url, mlflow)


def replica(stack: ExitStack, home: Path, port: int, redis: str, mlflow: str) -> Service:
    """A service with its trainer, and the follower that brings champions to its disk."""
    home.mkdir()
    given = {
        "REDIS_URL": redis,
        "MLFLOW_TRACKING_URI": mlflow,
        "STOCKS_TICKERS": '["AAPL", "MSFT"]',
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_TRAINING__ON_START": "false",
        "STOCKS_TRAINING__TESTED": "240",
        "STOCKS_TRAINING__REFIT_EVERY": "120",
        "STOCKS_CACHE__MEMORY_TTL": "1",
        "STOCKS_SECURITY__API_KEYS": f'["{KEY}"]',
    }
    service = start(home, port, **given)
    stack.callback(service.end)
    with (home / "follower.log").open("wb") as log:
        follower = subprocess.Popen(
            [sys.executable, "-m", "serving", "follow"],
            cwd=ROOT,
            env=environment(home, **given),
            stdout=log,
            stderr=log,
        )
    stack.callback(follower.wait)
    stack.callback(end_tree, follower.pid)
    return service


def answered(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=60).is_success
    return False


def ask(url: str) -> httpx.Response:
    return httpx.get(f"{url}/predict/AAPL", timeout=60).raise_for_status()


def version(url: str) -> int | None:
    found: int | None = ask(url).json()["model"].get("version")
    return found


def test_two_replicas_are_one_service(replicas: Replicas, tmp_path: Path) -> None:
    hits_are_shared(replicas)
    a_ticker_that_is_asked_for_is_trained_once(replicas)
    a_retrain_runs_once(replicas)
    a_promotion_reaches_both(replicas, tmp_path / "elsewhere")
    killing_one_loses_nothing(replicas)


def hits_are_shared(replicas: Replicas) -> None:
    """What one has computed the other answers from Redis, once its own memory has forgotten."""
    first, second = replicas.services

    def shared() -> bool:
        answer = ask(second.url)
        return answer.headers["X-Cache"] == "redis" and answer.json() == ask(first.url).json()

    wait_until(shared, PATIENT, "the other's answer from Redis")


def a_ticker_that_is_asked_for_is_trained_once(replicas: Replicas) -> None:
    """The first answers had no model: one replica trained it, and it serves on both."""
    reached(replicas, 1)
    assert versions(replicas) == {1}


def a_retrain_runs_once(replicas: Replicas) -> None:
    """What both are asked to train is trained once, and serves on both."""
    answers = [
        httpx.post(f"{replicas.proxy}/model/retrain/AAPL?horizon=1", headers=AUTHORIZED, timeout=60) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [httpx.codes.ACCEPTED] * 2
    took = {answer.json()["job_id"] for answer in answers}
    assert len(took) == 2, "the proxy asks them in turns"

    wait_until(lambda: len(ended(replicas, took)) == len(took), PATIENT, "both jobs have ended")

    outcomes = ended(replicas, took)
    assert [status for status, _ in sorted(outcomes.values())] == ["promoted", "promoted"], outcomes
    assert Counter(reason.endswith("by another replica") for _, reason in outcomes.values()) == {
        True: 1,
        False: 1,
    }
    assert versions(replicas) == {1, 2}
    reached(replicas, 2)


def versions(replicas: Replicas) -> set[int]:
    """All that are registered."""
    return {int(one.version) for one in MlflowClient(replicas.mlflow).search_model_versions(f"name = '{NAME}'")}


def ended(replicas: Replicas, jobs: set[str]) -> dict[str, tuple[str, str]]:
    """Status and reason of each job that has ended, asked of whichever replica the proxy chooses."""
    found = {}
    for job in jobs:
        answer = httpx.get(f"{replicas.proxy}/model/retrain/{job}", headers=AUTHORIZED, timeout=60).raise_for_status()
        if answer.json()["status"] not in {"queued", "running"}:
            found[job] = answer.json()["status"], str(answer.json()["reason"])
    return found


def a_promotion_reaches_both(replicas: Replicas, elsewhere: Path) -> None:
    """Made by hand on a machine of its own; prints after how many seconds both serve it."""
    elsewhere.mkdir()
    given = {"MLFLOW_TRACKING_URI": replicas.mlflow, "STOCKS_TRAINING__TESTED": "250"}
    train = [sys.executable, "-m", "training", "train", "--tickers", "AAPL", "--horizons", "1"]
    subprocess.run(train, cwd=ROOT, env=environment(elsewhere, **given), check=True, capture_output=True)
    newest, client = max(versions(replicas)), MlflowClient(replicas.mlflow)
    for number in (1, newest) if champion(client) == newest else (newest, 1):
        words = [sys.executable, "-m", "training", "promote", "AAPL", str(number)]
        variables = environment(elsewhere, MLFLOW_TRACKING_URI=replicas.mlflow)
        with subprocess.Popen(words, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL) as process:
            wait_until(lambda number=number: champion(client) == number, PATIENT, "the alias")  # type: ignore[misc]
            moved = time.monotonic()
            took = reached(replicas, number) - moved
        assert process.returncode == 0
        print(f"both replicas serve a promotion after {took:.1f} s")  # noqa: T201  # a measurement, shown with -s


def champion(client: MlflowClient) -> int:
    return int(client.get_model_version_by_alias(NAME, "champion").version)


def reached(replicas: Replicas, number: int) -> float:
    """When both have served the version."""
    for service in replicas.services:
        wait_until(lambda service=service: version(service.url) == number, PATIENT, f"version {number} serves")  # type: ignore[misc]
    return time.monotonic()


def killing_one_loses_nothing(replicas: Replicas) -> None:
    """Every request of four clients is answered while one is killed."""
    statuses: Counter[int] = Counter()
    killed = threading.Event()

    def follow() -> None:
        with httpx.Client(timeout=60) as client:
            while not killed.is_set():
                statuses[client.get(f"{replicas.proxy}/predict/AAPL").status_code] += 1
            for _ in range(50):
                statuses[client.get(f"{replicas.proxy}/predict/MSFT").status_code] += 1

    clients = [threading.Thread(target=follow) for _ in range(4)]
    for client in clients:
        client.start()
    wait_until(lambda: statuses[200] > 50, PATIENT, "answers")
    end_tree(replicas.services[0].process.pid)
    killed.set()
    for client in clients:
        client.join(PATIENT)

    assert set(statuses) == {200}
    print(f"{statuses.total()} answers while one replica was killed, all 200")  # noqa: T201
