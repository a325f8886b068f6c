"""One row through one forest by HTTP: this service, MLServer and `mlflow models serve`, the same forest in each."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import mlflow

import configuration
from benchmarks.servers import Server, free_port, ours, running, wait_warm
from benchmarks.serving import wrk
from features import NAMES
from training.execution.loading import load, report_schedules
from training.execution.run import training_configs
from training.learning.dataset import make_dataset
from training.learning.recipe import FittedModel

MLSERVER = ["mlserver==1.7.1", "mlserver-sklearn==1.7.1", "scikit-learn==1.9.1", "uvloop<0.22"]
JSON = {"Content-Type": "application/json"}
CONNECTIONS = (1, 32, 100)


def rows(home: Path, work: Path, seconds: int) -> dict[str, list[wrk.Load]]:
    """Loads by server; each is started alone."""
    tensor = {"name": "X", "shape": [1, len(NAMES)], "datatype": "FP32", "data": [0.1] * len(NAMES)}
    infer = json.dumps({"inputs": [tensor]})
    model = fitted("AAPL").model
    found = {}
    with ours(home) as server:
        wait_warm(server)
        found["this service"] = _loads(server, "/v2/models/AAPL/infer", infer, seconds)
    with _mlserver(work, model) as server:
        found["MLServer 1.7.1"] = _loads(server, "/v2/models/aapl/infer", infer, seconds)
    with _mlflow(work, model) as server:
        invocation = json.dumps({"inputs": [tensor["data"]]})
        found["mlflow models serve"] = _loads(server, "/invocations", invocation, seconds)
    return found


def fitted(ticker: str) -> FittedModel:
    """The published model of one session, fitted again: the same bars, recipe and seed give the same forest."""
    settings = configuration.load()
    bars, failures = load(settings, [ticker])
    if failures:
        raise RuntimeError(failures[ticker])
    data = make_dataset(bars[ticker], 1, report_schedules(settings, [ticker])[ticker])
    return training_configs(settings)[0].fit(data, data.known)


def _loads(server: Server, path: str, body: str, seconds: int) -> list[wrk.Load]:
    wrk.run(server.url, [path], connections=8, seconds=2, headers=JSON, body=body)
    return [
        wrk.run(server.url, [path], connections=number, seconds=seconds, headers=JSON, body=body)
        for number in CONNECTIONS
    ]


@contextmanager
def _mlserver(work: Path, model: Any) -> Iterator[Server]:
    """With adaptive batching (5 ms, 64), one worker, in an environment of its own."""
    environment, folder, port = work / "mlserver-venv", work / "mlserver", free_port()
    if not (environment / "bin" / "mlserver").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([environment / "bin" / "pip", "install", "--quiet", *MLSERVER], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    server = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0}
    described = {
        "name": "aapl",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": 64,
        "max_batch_time": 0.005,
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / "settings.json").write_text(json.dumps(server | {"host": "127.0.0.1"}), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(described), encoding="utf-8")
    command = [str(environment / "bin" / "mlserver"), "start", str(folder)]
    with running(command, "/v2/models/aapl/ready", port, cwd=folder) as started:
        yield started


@contextmanager
def _mlflow(work: Path, model: Any) -> Iterator[Server]:
    port, folder = free_port(), work / "mlflow-model"
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.sklearn.save_model(model, folder, serialization_format="cloudpickle", pip_requirements=[])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(folder), "-p", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with running([*command, "--env-manager", "local"], "/ping", port, cwd=work, PATH=path) as started:
        yield started
