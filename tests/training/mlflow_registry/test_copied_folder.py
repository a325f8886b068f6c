"""A home that was restored or moved: all that MLflow keeps is found there, and the original stays as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import ROOT, Settings
from market.calendar.sessions import Sessions
from tests.patience import PATIENT
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry

OPEN = """
import configuration, mlflow
from training.mlflow_registry.environment import prepare_environment
prepare_environment()
from training.mlflow_registry.registry import Registry
registry = Registry(configuration.load())
version, rival = registry.get("TEST", 1, 1).version, registry.rival("TEST", 1, simulated=True)
with registry.pipeline_run("after", {}) as run_id:
    uri = mlflow.get_run(run_id).info.artifact_uri
print(version, rival.candidate is not None, uri.rsplit("/", 2)[0])
"""


@pytest.fixture
def original(settings: Settings, sessions: Sessions, trained: Trained) -> Path:
    """A home with a champion."""
    registry = Registry(settings, sessions)
    with registry.pipeline_run("before", {}):
        registry.make_champion("TEST", 1, registry.record(trained).version)
    return settings.home


def locations(home: Path) -> str:
    client = MlflowClient(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("stock-prediction")
    assert experiment is not None
    return str(experiment.artifact_location)


def test_the_champion_of_a_copy_is_read_in_it_and_new_runs_are_written_there(original: Path) -> None:
    restored, before = original.with_name(f"{original.name} restored"), locations(original)
    shutil.copytree(original, restored)
    shutil.rmtree(original / "mlflow" / "artifacts")  # so that nothing can be read there

    # A process of its own, since MLflow remembers where the files of a run are.
    environ = {"PATH": "", "STOCKS_HOME": str(restored), "BENTOML_HOME": str(restored / "bentoml")}
    ended = subprocess.run(
        [sys.executable, "-c", OPEN], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENT, check=True
    )

    assert ended.stdout.split("\n")[-2] == f"1 True {(restored / 'mlflow' / 'artifacts').as_uri()}"
    assert locations(original) == before


def test_another_name_of_the_same_home_changes_nothing(
    original: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, before = original.with_name(f"{original.name}-link"), locations(original)
    link.symlink_to(original)

    monkeypatch.setenv("STOCKS_HOME", str(link))
    assert Registry(configuration.load(), sessions).get("TEST", 1, 1).card.version == 1
    assert locations(original) == before
