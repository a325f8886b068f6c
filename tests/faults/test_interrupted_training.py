"""A training that is ended from outside: real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mlflow.tracking import MlflowClient

from configuration import ROOT
from tests.patience import PATIENT
from tests.serving.running import wait_until
from training.mlflow_registry.runs.experiment import EXPERIMENT
from training_queue.jobs import TrainingJobs

pytestmark = [pytest.mark.slow, pytest.mark.fault]

TICKERS = "AAPL,GOOGL,MSFT,AMZN,TSLA,META"


@pytest.fixture
def training(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A training of many models of simulated prices, each of which takes a while."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STOCKS_", "MLFLOW_"))}
    environ |= {
        "STOCKS_HOME": str(tmp_path),
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "STOCKS_MARKET__PROVIDERS": '["simulated"]',
        "STOCKS_TRAINING__PROCESSES": "2",
        "STOCKS_TRAINING__TESTED": "252",
        "STOCKS_TRAINING__REFIT_EVERY": "42",
    }
    command = [sys.executable, "-m", "training", "train", "--tickers", TICKERS]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def children_at_work(training: "subprocess.Popen[str]") -> list[psutil.Process]:
    found = psutil.Process(training.pid).children(recursive=True)
    return [child for child in found if "loky" in " ".join(child.cmdline())]


def first_outcome(training: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Wait for the line about the first model; the processes that train on."""
    assert training.stderr is not None
    line = training.stderr.readline()
    assert line.startswith("1/18 AAPL at horizon 1, forest: promoted: "), line
    children = children_at_work(training)
    assert children
    return children


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_processes_keeps_what_is_done_and_says_how_to_go_on(
    training: "subprocess.Popen[str]", tmp_path: Path, number: int
) -> None:
    children = first_outcome(training)

    training.send_signal(number)
    _, errors = training.communicate(timeout=PATIENT)

    assert training.returncode == 130
    last = errors.splitlines()[-1]
    assert last.startswith("interrupted: ")
    assert last.endswith(
        f" of 18 models are recorded; go on with `python -m training train --tickers {TICKERS} --resume`"
    )
    assert "Traceback" not in errors
    wait_until(lambda: not any(child.is_running() for child in children), 60, "the children end")
    result = TrainingJobs(tmp_path).last("AAPL", 1)
    assert result is not None
    assert result.status == "promoted"
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = {str(run.info.run_name): run.info.status for run in client.search_runs([experiment.experiment_id])}
    assert runs["pipeline"] == "KILLED"
    assert "RUNNING" not in runs.values()


def test_a_kill_ends_the_children_too(training: "subprocess.Popen[str]") -> None:
    children = first_outcome(training)

    training.kill()
    training.wait(timeout=PATIENT)

    wait_until(lambda: not any(child.is_running() for child in children), 60, "the children end")
