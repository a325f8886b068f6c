"""A Dask cluster on this machine."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from configuration import ROOT
from tests.patience import PATIENT
from tests.redis_servers import free_port

Process: TypeAlias = subprocess.Popen[bytes]


def start(*words: str, folder: Path) -> Process:
    """A process of the cluster, as `python -m dask` starts it."""
    environ = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "STOCKS_HOME": str(folder)}
    with (folder / f"{words[0]}-{time.monotonic_ns()}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "dask", *words], env=environ, stdout=log, stderr=log)


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, list[Process]]]:
    """Address of a scheduler, and its two workers, each a process on loopback."""
    address = f"tcp://127.0.0.1:{(port := free_port())}"
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", folder=folder)
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
    workers = [start("worker", address, "--host", "127.0.0.1", *options, folder=folder) for _ in range(2)]
    try:
        yield address, workers
    finally:
        for process in [*workers, scheduler]:
            process.kill()
            process.wait(timeout=PATIENT)
