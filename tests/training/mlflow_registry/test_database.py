"""MLflow's SQLite database: opened by two at once, damaged, or not to be written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from configuration import ROOT, Settings
from market.calendar.sessions import Sessions
from tests.patience import PATIENT
from training.errors import RegistryError
from training.mlflow_registry.database import FILE
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.runs.views import SCORES, TAG, page_of

OPEN = """
import configuration
from training.mlflow_registry.environment import prepare_environment
prepare_environment()
from training.mlflow_registry.registry import Registry
Registry(configuration.load()).prepare()
"""


@pytest.mark.slow
@pytest.mark.fault
def test_processes_that_first_open_it_together_all_succeed(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STOCKS_", "MLFLOW_"))}
    environ["STOCKS_HOME"] = str(tmp_path / "fresh")
    command = [sys.executable, "-c", OPEN]
    started = [subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) for _ in range(2)]

    ended = [(process.communicate(timeout=PATIENT)[1], process.returncode) for process in started]

    assert ended == [("", 0)] * 2


@pytest.mark.parametrize("damage", ["no database at all", "a page overwritten"])
def test_a_damaged_database_is_named_with_what_to_do(settings: Settings, sessions: Sessions, damage: str) -> None:
    path = settings.home / "mlflow" / FILE
    content = path.read_bytes()
    path.write_bytes(b"no database" * 500 if damage == "no database at all" else content[:4096] + b"\xff" * 40960)

    with pytest.raises(
        RegistryError, match=r"mlflow\.db: MLflow's database is damaged \(.*\); put a copy back, or move"
    ):
        Registry(settings, sessions).champion("TEST", 1)


def test_a_folder_that_cannot_be_made_is_named(settings: Settings, sessions: Sessions, tmp_path: Path) -> None:
    for path in (tmp_path / "mlflow").iterdir():
        path.unlink()
    (tmp_path / "mlflow").rmdir()
    (tmp_path / "mlflow").write_text("a file", encoding="utf-8")

    with pytest.raises(RegistryError, match="mlflow: File exists; STOCKS_HOME must be a folder that can be written"):
        Registry(settings, sessions).champion("TEST", 1)


def test_the_list_of_runs_opens_with_the_scores_as_columns(settings: Settings, sessions: Sessions) -> None:
    experiment_id = Registry(settings, sessions).prepare()

    found = MlflowClient(settings.tracking_uri).get_experiment(experiment_id)
    shown = json.loads(found.tags[f"{TAG}{SCORES}"])["selectedColumns"]
    assert {"metrics.`interval_score`", "metrics.`coverage`", "tags.`decision`"} <= {*shown}
    assert f"viewStateShareKey={SCORES}" in page_of(experiment_id)
