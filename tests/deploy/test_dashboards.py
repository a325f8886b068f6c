"""Every query of the dashboards is answered by a real Prometheus that scrapes a real service."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from market.bars import COLUMNS, Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from serving.monitoring.window import LOOK_EVERY
from tests.deploy.conftest import DEPLOY, find_tool
from tests.redis_servers import free_port
from tests.serving.conftest import Publisher
from tests.serving.running import Service, start, wait_until
from training_queue.jobs import RETRAIN, TrainingJobs

pytestmark = [pytest.mark.slow, pytest.mark.deploy]

LAST = np.datetime64("2024-03-08")
WITHIN_SECONDS = 240.0


def queries() -> Iterator[tuple[str, str]]:
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Iterator[Service]:
    """A service on files, with a model of one horizon, a canary, a training asked for, and a provider with a quota."""
    home, bars = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("bars")
    series = simulate("AAPL", sessions.between(FIRST, LAST))
    write(bars / "AAPL.csv", series[:-1])
    publish = Publisher(home / "bentoml" / "models")
    publish(simulated=False, source="files")
    publish(simulated=False, source="files", version=2, experiment="trial")
    TrainingJobs(home).add("AAPL", [21], RETRAIN)
    settings = {
        "STOCKS_TICKERS": '["AAPL"]',
        "STOCKS_MARKET__PROVIDERS": '["files", "tiingo"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(bars),
        "STOCKS_MARKET__TIINGO__BASE_URL": "http://127.0.0.1:9",
        "STOCKS_SERVING__EXPERIMENTS": '[{"name": "trial", "challenger": "2", "horizons": [1], "share": 1.0}]',
        "STOCKS_TRAINING__ON_START": "false",
        "STOCKS_MARKET__STREAMS": '["tiingo"]',
        "STOCKS_MARKET__TIINGO__STREAM_URL": "ws://127.0.0.1:9/",
        "TIINGO_API_KEY": "no key",
    }
    yesterday = start(home, free_port(), **settings)
    predict(yesterday)
    wait_until(lambda: any((home / "served").glob("*.jsonl")), WITHIN_SECONDS, "its record")
    yesterday.end()
    write(bars / "AAPL.csv", series)
    running = start(home, free_port(), **settings)
    yield running
    running.end()


@pytest.fixture(scope="module")
def prometheus(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Any]]]:
    """Ask a Prometheus with the configuration that is shipped, but for the service's address and shorter intervals."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    shipped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(DEPLOY / "prometheus" / "rules.yaml")]
    shipped["scrape_configs"][0]["static_configs"] = [{"targets": [service.url.removeprefix("http://")]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
    words = [f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    process = subprocess.Popen([find_tool("prometheus"), *words, f"--web.listen-address=127.0.0.1:{port}"])

    def ask(query: str) -> list[Any]:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=30).json()
        assert answer["status"] == "success", answer
        found: list[Any] = answer["data"]["result"]
        return found

    wait_until(lambda: responds(f"http://127.0.0.1:{port}/-/ready"), WITHIN_SECONDS, "Prometheus")
    yield ask
    process.terminate()
    process.wait(timeout=60)


def test_every_query_of_a_dashboard_finds_series(service: Service, prometheus: Callable[[str], list[Any]]) -> None:
    unanswered = dict(queries())

    def all_answered() -> bool:
        predict(service)
        for title, query in list(unanswered.items()):
            if prometheus(query):
                del unanswered[title]
        return not unanswered

    with suppress(pytest.fail.Exception):
        wait_until(all_answered, WITHIN_SECONDS + LOOK_EVERY, "series")
    assert unanswered == {}


def test_the_rules_are_evaluated_without_a_fault(prometheus: Callable[[str], list[Any]]) -> None:
    wait_until(lambda: bool(prometheus("stocks:request_seconds:p95")), WITHIN_SECONDS, "a recorded rule")
    (failures,) = prometheus("sum(prometheus_rule_evaluation_failures_total) or vector(0)")
    assert float(failures["value"][1]) == 0


def predict(service: Service) -> None:
    """Hits, misses, the baseline, and the join of predictions with their outcomes."""
    for horizon in (1, 5):
        for headers in ({}, {"Cache-Control": "no-cache"}):
            httpx.get(f"{service.url}/predict/AAPL?horizon={horizon}", headers=headers, timeout=60)
    httpx.get(f"{service.url}/performance/metrics", timeout=60)


def responds(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def write(path: Path, bars: Bars) -> None:
    columns = [bars.session.astype(str), *(getattr(bars, name).tolist() for name in COLUMNS)]
    lines = ["date," + ",".join(COLUMNS), *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
