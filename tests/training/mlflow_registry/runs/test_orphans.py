"""Runs that a killed process left behind, in a real MLflow store."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from configuration import ROOT, Settings
from market.calendar.sessions import Sessions
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.runs.experiment import EXPERIMENT
from training.mlflow_registry.runs.orphans import Process

OPEN_RUNS = """
import sys, configuration
from training.mlflow_registry.environment import prepare_environment
prepare_environment()
from training.mlflow_registry.registry import Registry
registry = Registry(configuration.load())
with registry.pipeline_run("left behind", {}), registry._model_run("AAPL-1"):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def registry(settings: Settings, sessions: Sessions) -> Registry:
    """Without a run of its own."""
    return Registry(settings, sessions)


@pytest.fixture
def trainer(settings: Settings) -> "Iterator[subprocess.Popen[str]]":
    """A process with a run of the pipeline and one of a model open in it."""
    assert settings.home.is_dir()
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN_RUNS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.communicate()


def runs(settings: Settings) -> dict[str, Run]:
    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return {str(run.info.run_name): run for run in client.search_runs([experiment.experiment_id])}


def statuses(settings: Settings) -> dict[str, str]:
    return {name: run.info.status for name, run in runs(settings).items()}


@pytest.mark.slow
def test_the_next_training_ends_the_runs_of_a_killed_one(
    settings: Settings, registry: Registry, trainer: "subprocess.Popen[str]"
) -> None:
    with registry.pipeline_run("beside it", {}):
        pass
    assert statuses(settings) == {"left behind": "RUNNING", "AAPL-1": "RUNNING", "beside it": "FINISHED"}

    os.kill(trainer.pid, signal.SIGKILL)
    os.waitid(os.P_PID, trainer.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has asked how: a zombie
    with registry.pipeline_run("after it", {}):
        assert statuses(settings)["after it"] == "RUNNING"

    ended = {"left behind": "KILLED", "AAPL-1": "KILLED", "beside it": "FINISHED", "after it": "FINISHED"}
    assert statuses(settings) == ended


def test_runs_of_nobody_or_of_elsewhere_are_left_alone(settings: Settings, registry: Registry) -> None:
    here = Process.current()
    assert here is not None
    strangers = {"no tag": {}, "no process": {"process": "{"}, "elsewhere": replace(here, host="other", pid=1).tags()}
    with registry.pipeline_run("first", {}):
        pass
    client, experiment_id = MlflowClient(settings.tracking_uri), runs(settings)["first"].info.experiment_id
    for name, tags in strangers.items():
        client.create_run(experiment_id, tags=tags, run_name=name)
    with registry.pipeline_run("second", {}):
        assert [statuses(settings)[name] for name in strangers] == ["RUNNING"] * len(strangers)


def test_a_process_lives_while_its_number_and_its_start_are_the_same() -> None:
    here = Process.current()
    assert here is not None
    assert here.pid == os.getpid()
    assert Process.of(2**22 + 1) is None
    gone = {
        "itself": here,
        "its number given anew": replace(here, started=here.started - 1),
        "nobody has its number": replace(here, pid=2**22 + 1),
        "another container": replace(here, namespace="pid:[1]", pid=2**22 + 1),
        "another machine": replace(here, host="other", pid=2**22 + 1),
        "before the machine was started anew": replace(here, machine="m", boot="earlier"),
        "perhaps of another machine of that name": replace(here, machine="", boot="earlier"),
    }
    seen = {name: process.is_gone(replace(here, machine=process.machine)) for name, process in gone.items()}
    assert [name for name, is_gone in seen.items() if is_gone] == [
        "its number given anew",
        "nobody has its number",
        "before the machine was started anew",
    ]
