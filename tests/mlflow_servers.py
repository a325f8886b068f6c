"""A real MLflow server on a free port of this machine."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import wait_until

READY_WITHIN = PATIENT


@contextmanager
def mlflow_server(
    folder: Path, *, backend: str | None = None, port: int | None = None, workers: int = 1
) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """Address and process of a server with its files in `folder`; runs are in SQLite unless `backend` is given."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    words += ["--backend-store-uri", backend or f"sqlite:///{folder / 'mlflow.db'}"]
    words += ["--artifacts-destination", str(folder / "artifacts"), "--uvicorn-opts=--timeout-worker-healthcheck=60"]
    environ = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "mlflow", *words], env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(url), READY_WITHIN, "an MLflow server")
        yield url, process
    finally:
        end_tree(process.pid)
        process.wait(timeout=PATIENT)


def answers(url: str) -> bool:
    """Whether the server is ready."""
    try:
        return httpx.get(f"{url}/health", timeout=10).is_success
    except httpx.HTTPError:
        return False


def end_tree(pid: int) -> None:
    """End a process and those it started, each by its id."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        for child in [int(one) for one in children]:
            end_tree(child)
        os.kill(pid, signal.SIGKILL)
