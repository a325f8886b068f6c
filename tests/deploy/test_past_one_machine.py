"""MLflow on PostgreSQL, several trainers at once, a server that is restarted, and a service elsewhere that follows.

Takes minutes and Debian's `postgresql`; `make test-cluster` runs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mlflow.tracking import MlflowClient

from configuration import ROOT
from forecasting.card import model_name
from serving.following.store import published_version
from tests.mlflow_servers import mlflow_server
from tests.redis_servers import free_port
from tests.serving.running import environment, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("CLUSTER" not in os.environ, reason="`make test-cluster` runs it"),
]

TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM")
TRAINERS = 4
WITHIN_SECONDS = 1800.0
PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
# What a trainer beside a server that may be restarted is given: a minute of patience.
PATIENCE = 60
PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "8", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Address of a database of its own, whose server runs as the user `postgres`.

    Its files lie outside pytest's folder, which every run of root's closes to other users anew.
    """
    if PROGRAMS is None:
        pytest.fail("postgresql is not installed")
    with tempfile.TemporaryDirectory(prefix="stocks-postgres-") as name:
        shutil.chown(name, "postgres", "postgres")
        yield from postgres_in(Path(name), PROGRAMS)


def postgres_in(folder: Path, programs: Path) -> Iterator[str]:
    """The same with its files in `folder`."""
    data, port = folder / "data", free_port()
    as_postgres: list[str | Path] = ["runuser", "-u", "postgres", "--"]
    subprocess.run(
        [*as_postgres, programs / "initdb", "--auth=trust", "--username=mlflow", "--pgdata", data], check=True, cwd="/"
    )
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    control: list[str | Path] = [*as_postgres, programs / "pg_ctl", "--pgdata", data, "--wait"]
    with (folder / "log").open("wb") as log:
        subprocess.run([*control, "--options", options, "start"], check=True, cwd="/", stdout=log, stderr=log)
    yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "--mode=immediate", "stop"], check=True, cwd="/")


def train(home: Path, uri: str, *words: str) -> "subprocess.Popen[bytes]":
    """Start a trainer with a home of its own, on histories short enough to be trained in seconds."""
    home.mkdir(exist_ok=True)
    given = {
        **PATIENT,
        "MLFLOW_TRACKING_URI": uri,
        "STOCKS_TRAINING__PROCESSES": "1",
        "STOCKS_TRAINING__RECIPES_TRIED": '["linear"]',
        "STOCKS_TRAINING__TESTED": "240",
        "STOCKS_TRAINING__REFIT_EVERY": "120",
    }
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "training", "train", "--horizons", "1", *words],
            cwd=ROOT, env=environment(home, **given), stdout=log, stderr=log,
        )  # fmt: skip


def test_four_trainers_and_a_restart_lose_and_double_nothing(postgres: str, tmp_path: Path) -> None:
    port = free_port()
    homes = [tmp_path / f"trainer-{number}" for number in range(TRAINERS)]
    elsewhere = tmp_path / "elsewhere"
    started: list[subprocess.Popen[bytes]] = []
    try:
        with mlflow_server(tmp_path / "server", backend=postgres, port=port, workers=2) as (uri, _):
            started += (trainers := [train(home, uri) for home in homes])
            elsewhere.mkdir()
            with (elsewhere / "log").open("wb") as log:
                words = [sys.executable, "-m", "serving", "follow"]
                variables = environment(elsewhere, MLFLOW_TRACKING_URI=uri)
                started.append(subprocess.Popen(words, cwd=ROOT, env=variables, stdout=log, stderr=log))
            wait_until(lambda: registered(uri) >= TRAINERS, WITHIN_SECONDS, "the first versions")
        with mlflow_server(tmp_path / "server", backend=postgres, port=port, workers=2) as (uri, _):
            ended = [trainer.wait(WITHIN_SECONDS) for trainer in trainers]
            assert ended == [0] * TRAINERS, "\n".join((home / "log").read_text() for home in homes)

            client = MlflowClient(uri)
            champions = {}
            for ticker in TICKERS:
                name = model_name(ticker, 1)
                versions = list(client.search_model_versions(f"name = '{name}'"))
                assert len(versions) == len({one.run_id for one in versions}) == TRAINERS, name
                aliases = client.get_registered_model(name).aliases
                champions[ticker] = int(aliases["champion"]) if "champion" in aliases else None

            root = elsewhere / "bentoml" / "models"
            wait_until(
                lambda: all(published_version(root, model_name(*key)) == champions[key[0]] for key in keys()),
                120,
                "champions elsewhere",
            )
    finally:
        for process in started:
            process.kill()
            process.wait(PATIENCE)


def keys() -> list[tuple[str, int]]:
    return [(ticker, 1) for ticker in TICKERS]


def registered(uri: str) -> int:
    """How many versions there are."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/model-versions/search", params={"max_results": "1000"}, timeout=60)
    return len(answer.json().get("model_versions", [])) if answer.is_success else 0
