"""A bento carries its models: built here, served elsewhere, without the checkout."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from bentoml._internal.bento.build_config import BentoPathSpec

from configuration import ROOT
from tests.patience import PATIENT
from tests.serving.running import Service, environment, is_warm, wait_until

pytestmark = pytest.mark.slow

TIMEOUT = PATIENT
TICKER = '["META"]'


def run(*words: str, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_earlier_bentos_below_the_source_are_in_none() -> None:
    include = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))["include"]
    packed = BentoPathSpec(include, [], str(ROOT)).includes

    assert packed("service.py")
    assert packed("serving/container.py")
    assert not packed("var/bentoml/bentos/stock_prediction/5nxzjzhjr6ex4ax4/src/service.py")
    assert not packed("var/bentoml/bentos/stock_prediction/5nxzjzhjr6ex4ax4/src/serving/container.py")


def test_a_bento_answers_with_its_models_in_an_empty_directory(tmp_path: Path) -> None:
    here = environment(tmp_path / "here", STOCKS_TICKERS=TICKER, STOCKS_TRAINING__TESTED="250")
    exported = tmp_path / "dist" / "stock_prediction.bento"
    run("training", "train", "--horizons", "1", cwd=ROOT, env=here)
    assert "with 1 models" in run("training", "bento", "--out", str(exported), cwd=ROOT, env=here)

    elsewhere, store = tmp_path / "elsewhere", tmp_path / "store"
    elsewhere.mkdir()
    there = {name: value for name, value in here.items() if not name.startswith(("STOCKS_", "MLFLOW_"))}
    there |= {"BENTOML_HOME": str(store), "STOCKS_TICKERS": TICKER, "PWD": str(elsewhere)}
    there |= {"STOCKS_MARKET__PROVIDERS": '["simulated"]', "STOCKS_TRAINING__ON_START": "false"}
    run("bentoml", "import", str(exported), cwd=elsewhere, env=there)
    (source,) = (store / "bentos" / "stock_prediction").glob("*/src")
    assert {path.name for path in source.iterdir()} >= {"service.py", "market", "features", "forecasting", "serving"}
    assert not (source / "training").exists()

    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "stock_prediction:latest", "--port", str(port)]
    with (tmp_path / "service.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=elsewhere, env=there, stdout=log, stderr=log)
    service = Service(tmp_path, f"http://127.0.0.1:{port}", process)
    try:
        wait_until(lambda: is_warm(service.url) or process.poll() is not None, TIMEOUT, "warm")
        answer = httpx.get(f"{service.url}/predict/META").json()
    finally:
        service.end()
    assert answer["model"]["type"] == "random_forest", service.log
    assert (elsewhere / "var").is_dir(), "what it writes goes where it was started"


def test_a_bento_without_a_model_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training", "bento", "--out", str(tmp_path / "none.bento")],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: no model is published yet; run `make train` first"
