"""Short histories and rare refits, so that tests train real models in little time."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from tests.mlflow_servers import mlflow_server
from tests.training.recipes_of_tests import quick
from training.learning.pipeline import Trained, train
from training.mlflow_registry.registry import Registry


@pytest.fixture(scope="session")
def short_bars(sessions: Sessions) -> Bars:
    """Three and a half years of an invented ticker."""
    return simulate("TEST", sessions.between(FIRST, np.datetime64("2021-06-30")))


@pytest.fixture(scope="session")
def trained(short_bars: Bars) -> Trained:
    """A model of it."""
    return train(short_bars, 1, quick(refit_every=120, tested=240))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database that has been migrated once, which takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder


@pytest.fixture
def settings(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("STOCKS_MARKET__PROVIDERS", "STOCKS_MARKET__FILES__DIRECTORY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    shutil.copytree(empty_store, tmp_path / "mlflow")
    return configuration.load()


@pytest.fixture
def model_store() -> Path:
    """The BentoML model store of this process, emptied; bentoml decides once where it is."""
    store = Path(os.environ["BENTOML_HOME"]) / "models"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    return store


@pytest.fixture
def registry(settings: Settings, sessions: Sessions, model_store: Path) -> Iterator[Registry]:
    assert not any(model_store.iterdir())
    registry = Registry(settings, sessions)
    with registry.pipeline_run("test", {}):
        yield registry
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """Address and process of an MLflow server on loopback."""
    shutil.copytree(empty_store, tmp_path / "server")
    with mlflow_server(tmp_path / "server") as found:
        yield found
