"""The images, built and run as they are deployed. `make test-image` runs it on a machine with podman and buildah."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from configuration import ROOT
from tests.deploy.conftest import find_tool
from tests.redis_servers import free_port
from tests.serving.running import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("IMAGES" not in os.environ, reason="`make test-image` runs it"),
]

SERVING, TRAINING = "localhost/stock-prediction:test", "localhost/stock-prediction-training:test"
TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM")
KEY = "a-key-for-this-test-alone"
WITHIN_SECONDS = 900.0
STOPS_WITHIN_SECONDS = 5.0
LOCKED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=host")
USER = 10001

Run = Callable[..., str]


def podman(*words: str | Path) -> str:
    """What podman answers; its warnings about a missing systemd go to standard error."""
    return subprocess.run(
        [find_tool("podman"), *map(str, words)], check=True, capture_output=True, text=True, timeout=WITHIN_SECONDS
    ).stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    """Both, around the bento in dist/."""
    options = os.environ.get("BUILD_OPTIONS", "--pull-never --network=host --layers")
    for target, tag in (("serving", SERVING), ("training", TRAINING)):
        subprocess.run(
            [ROOT / "deploy" / "image" / "build.sh", target, tag],
            cwd=ROOT,
            check=True,
            env={**os.environ, "ENGINE": "buildah", "BUILDAH_ISOLATION": "chroot", "BUILD_OPTIONS": options},
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A volume that the images' user may write."""
    folder = tmp_path / "volume"
    folder.mkdir()
    os.chown(folder, USER, USER)
    return folder


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """Start a container on that volume; gives its name, and removes what is left of it."""
    started: list[str] = []

    def start(image: str, *options: str, command: tuple[str, ...] = (), **given: str) -> str:
        settings = {
            "STOCKS_MARKET__PROVIDERS": '["simulated"]',
            "STOCKS_SECURITY__API_KEYS": json.dumps([KEY]),
            **given,
        }
        variables = [f"--env={name}={value}" for name, value in settings.items()]
        mount = f"--volume={home}:/var/lib/stocks"
        started.append(podman("run", "--detach", *LOCKED, mount, *variables, *options, image, *command))
        return started[-1]

    yield start
    for name in started:
        podman("rm", "--force", "--time=1", name)


def test_the_serving_image_holds_nothing_that_trains_or_compiles() -> None:
    modules = "import importlib.util as u; print([m for m in ('sklearn', 'mlflow', 'skops', 'pip') if u.find_spec(m)])"
    assert podman("run", "--rm", "--network=none", "--entrypoint=python", SERVING, "-c", modules) == "[]"
    tools = "for tool in gcc cc git uv make; do command -v $tool; done; true"
    assert podman("run", "--rm", "--network=none", "--entrypoint=sh", SERVING, "-c", tools) == ""


def test_it_serves_ten_tickers_read_only_as_an_ordinary_user_with_little(run: Run) -> None:
    port = free_port()
    began = time.monotonic()
    name = run(SERVING, "--memory=512m", "--cpus=1", BENTOML_PORT=str(port), BENTOML_HOST="127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: ready(url), WITHIN_SECONDS, "the service")
    print(f"ready after {time.monotonic() - began:.1f} s")  # noqa: T201  # a measurement, shown with -s
    for ticker in TICKERS:
        answer = httpx.get(f"{url}/predict/{ticker}", timeout=60)
        assert answer.json()["data"]["source"] == "simulated"
    assert "stocks_request_seconds_bucket" in httpx.get(f"{url}/metrics", timeout=60).text
    assert httpx.post(f"{url}/model/retrain/AAPL", timeout=60).status_code == 401
    assert podman("exec", name, "id", "-u") == str(USER)
    podman("healthcheck", "run", name)
    memory = httpx.get(f"{url}/performance/metrics", timeout=60).json()["memory_usage"]["current_mb"]
    size = int(podman("image", "inspect", "--format={{.Size}}", SERVING)) / 1e6
    print(f"{memory:.0f} MiB in all processes; image of {size:.0f} MB")  # noqa: T201
    began = time.monotonic()
    podman("stop", "--time=60", name)
    assert time.monotonic() - began < STOPS_WITHIN_SECONDS
    assert podman("inspect", "--format={{.State.OOMKilled}}", name) == "false"


def test_the_trainer_beside_it_trains_and_the_service_takes_over_without_a_restart(run: Run) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {"STOCKS_TICKERS": '["AAPL"]', "STOCKS_TRAINING__ON_START": "false"}
    service = run(SERVING, BENTOML_PORT=str(port), BENTOML_HOST="127.0.0.1", **given)
    wait_until(lambda: ready(url), WITHIN_SECONDS, "the service")
    since = podman("inspect", "--format={{.State.StartedAt}}", service)
    run(TRAINING, "--init", **given)
    wait_until(lambda: asked(url) == httpx.codes.ACCEPTED, WITHIN_SECONDS, "a trainer")
    wait_until(lambda: serving_version(url) == 1, WITHIN_SECONDS, "the champion")
    assert podman("inspect", "--format={{.State.StartedAt}}", service) == since


def asked(url: str) -> int:
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{url}/model/retrain/AAPL?horizon=1", headers=headers, timeout=60).status_code


def serving_version(url: str) -> int | None:
    version: int | None = httpx.get(f"{url}/predict/AAPL", timeout=60).json()["model"].get("version")
    return version


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False
