"""The recipe that the README shows, added as it says, is trained and answers."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from configuration import ROOT
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import Service, environment, start_from

DOCUMENT = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = {
    "STOCKS_TICKERS": '["AAPL"]',
    "STOCKS_HORIZONS": "[1]",
    "STOCKS_TRAINING__ON_START": "false",
    "STOCKS_TRAINING__RECIPES_TRIED": '["extra_trees"]',
    "STOCKS_TRAINING__REFIT_EVERY": "900",
    "STOCKS_TRAINING__TESTED": "200",
}


def copy_of_the_packages(folder: Path) -> Path:
    """What runs, without tests and documents."""
    leave_out = shutil.ignore_patterns("__pycache__", "node_modules")
    for package in ROOT.glob("*/__init__.py"):
        shutil.copytree(package.parent, folder / package.parent.name, ignore=leave_out)
    for file in (*ROOT.glob("*.py"), *ROOT.glob("*.yaml")):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the README's recipe: one file and one section more."""
    folder = copy_of_the_packages(tmp_path_factory.mktemp("source"))
    ((path, code),) = re.findall(r"`(training/recipes/\w+\.py)`:\n\n```python\n(.+?)```", DOCUMENT, re.DOTALL)
    ((section),) = re.findall(r"`training\.recipes`:\n\n```yaml\n(.+?)```", DOCUMENT, re.DOTALL)
    assert len(code.splitlines()) <= 36
    (folder / path).write_text(code, encoding="utf-8")
    configuration = folder / "configuration.yaml"
    text = configuration.read_text(encoding="utf-8")
    (beginning,) = re.findall(r"(?m)^  recipes: .*\n", text)
    configuration.write_text(text.replace(beginning, beginning + section), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def service(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, "-m", "training", "train"],
        cwd=source,
        env=environment(home, **SETTINGS),
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "promoted" in done.stdout
    started = start_from(source, home, free_port(), **SETTINGS)
    try:
        yield started
    finally:
        started.end()


@pytest.mark.slow
def test_it_answers(service: Service) -> None:
    answer = httpx.get(f"{service.url}/predict/AAPL", timeout=PATIENT).json()

    assert answer["model"]["type"] == "extra_trees"
    assert answer["prediction"]["interval"]["lower"] < answer["prediction"]["price_target"]


@pytest.mark.slow
def test_its_parameters_are_told(service: Service) -> None:
    status = httpx.get(f"{service.url}/model/status/AAPL", timeout=PATIENT).json()

    assert (status["model_loaded"], status["model_type"], status["version"]) == (True, "extra_trees", 1)
