"""Starting the service as a process, and ending it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from configuration import ROOT
from tests.patience import PATIENT

# Variables of whoever runs the tests, or that a library has set within them.
OTHERS = ("STOCKS_", "BENTOML_", "PROM", "MLFLOW_")
START_WITHIN = PATIENT
END_WITHIN = PATIENT


@dataclass
class Service:
    """A running service with a home of its own."""

    home: Path
    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return (self.home / "service.log").read_text(encoding="utf-8", errors="replace")

    def children(self) -> list[psutil.Process]:
        """Its processes without the first."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, argument: str) -> psutil.Process | None:
        """Its living process with `argument` on the command line, if there is one."""
        for process in self.children():
            with suppress(psutil.Error):  # it may end while it is looked at
                if argument in process.cmdline():
                    return process
        return None

    def end(self) -> None:
        """Stop it as a terminal would, and what is left of it by process id."""
        family = self.children() if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(END_WITHIN)
        for process in psutil.wait_procs(family, timeout=30)[1]:
            process.kill()


def environment(home: Path, **given: str) -> dict[str, str]:
    """As a user's, with a home of its own, simulated prices and nothing else set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
    kept.pop("REDIS_URL", None)
    own = {"STOCKS_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    own["STOCKS_SERVING__FOREST_TIMEOUT"] = "30"  # on a busy machine too the forests answer
    return {**kept, **own, "STOCKS_MARKET__PROVIDERS": '["simulated"]', **given}


def command(port: int) -> list[str]:
    """How it is started."""
    return [sys.executable, "-m", "bentoml", "serve", "service:StockPrediction", "--port", str(port)]


def start(home: Path, port: int, **given: str) -> Service:
    """Start it and wait until it is warm."""
    return start_from(ROOT, home, port, **given)


def start_from(source: Path, home: Path, port: int, **given: str) -> Service:
    """The same with the packages in the folder `source`."""
    with (home / "service.log").open("wb") as output:
        process = subprocess.Popen(
            command(port), cwd=source, env=environment(home, **given), stdout=output, stderr=subprocess.STDOUT
        )
    service = Service(home, f"http://127.0.0.1:{port}", process)
    try:
        wait_until(lambda: is_warm(service.url) or process.poll() is not None, START_WITHIN, "warm")
        assert process.poll() is None, service.log
    except BaseException:
        print(service.log)  # noqa: T201  # pytest shows it with the failure
        service.end()
        raise
    return service


def is_warm(url: str) -> bool:
    """Whether every ticker was answered once."""
    try:
        return httpx.get(f"{url}/warmup/status", timeout=10).json().get("completed_at") is not None
    except (httpx.HTTPError, ValueError):
        return False


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again; generous, because the machine may be busy."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
