"""MLflow on PostgreSQL, several trainers at once, a server that is restarted, and a service elsewhere that follows.

Takes minutes and Debian's `postgresql`; `make test-cluster` runs it.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
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
PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "8", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a database of its own, whose server runs as the user `postgres`."""
    if PROGRAMS is None:
        pytest.fail("postgresql is not installed")
    folder, port = tmp_path_factory.mktemp("postgres") / "data", free_port()
    for parent in (folder.parent, *folder.parent.parents[:2]):
        parent.chmod(0o755)
    shutil.chown(folder.parent, "postgres", "postgres")
    as_postgres: list[str | Path] = ["runuser", "-u", "postgres", "--"]
    subprocess.run(
        [*as_postgres, PROGRAMS / "initdb", "--auth=trust", "--username=mlflow", "--pgdata", folder], check=True
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    control: list[str | Path] = [*as_postgres, PROGRAMS / "pg_ctl", "--pgdata", folder, "--wait"]
    with (folder.parent / "log").open("wb") as log:
        subprocess.run([*control, "--options", options, "start"], check=True, stdout=log, stderr=log)
    yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "--mode=immediate", "stop"], check=True)


def train(home: Path, uri: str, *words: str) -> "subprocess.Popen[bytes]":
    """Start a trainer with a home of its own, on histories short enough to be trained in seconds."""
    home.mkdir(exist_ok=True)
    given = {
        **PATIENT,
        "MLFLOW_TRACKING_URI": uri,
        "STOCKS_TRAINING__PROCESSES": "1",
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
    follower: subprocess.Popen[bytes] | None = None
    try:
        with mlflow_server(tmp_path / "server", backend=postgres, port=port, workers=2) as (uri, _):
            trainers = [train(home, uri) for home in homes]
            elsewhere.mkdir()
            with (elsewhere / "log").open("wb") as log:
                follower = subprocess.Popen(
                    [sys.executable, "-m", "serving", "follow"],
                    cwd=ROOT, env=environment(elsewhere, MLFLOW_TRACKING_URI=uri), stdout=log, stderr=log,
                )  # fmt: skip
            wait_until(lambda: registered(uri) >= TRAINERS, WITHIN_SECONDS, "the first versions")
        with mlflow_server(tmp_path / "server", backend=postgres, port=port, workers=2) as (uri, _):
            ended = [trainer.wait(WITHIN_SECONDS) for trainer in trainers]
            assert ended == [0] * TRAINERS, [(home / "log").read_text() for home in homes]

            client = MlflowClient(uri)
            champions = {}
            for ticker in TICKERS:
                name = model_name(ticker, 1)
                versions = list(client.search_model_versions(f"name = '{name}'"))
                assert sorted(int(one.version) for one in versions) == [*range(1, TRAINERS + 1)], name
                assert max(Counter(one.run_id for one in versions).values()) == 1, name
                aliases = client.get_registered_model(name).aliases
                champions[ticker] = int(aliases["champion"]) if "champion" in aliases else None

            root = elsewhere / "bentoml" / "models"
            wait_until(
                lambda: all(published_version(root, model_name(*key)) == champions[key[0]] for key in keys()),
                120,
                "champions elsewhere",
            )
    finally:
        if follower is not None:
            follower.terminate()
            follower.wait(timeout=60)


def keys() -> list[tuple[str, int]]:
    return [(ticker, 1) for ticker in TICKERS]


def registered(uri: str) -> int:
    """How many versions there are."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/model-versions/search", params={"max_results": "1000"}, timeout=60)
    return len(answer.json().get("model_versions", [])) if answer.is_success else 0
