"""Training on a Dask cluster: `python -m benchmarks.cluster --bars DIRECTORY [--tickers 12] [--workers 1,2]`.

An MLflow server, a scheduler and so many workers, each a process on loopback; the files of bars are renamed until there
are as many tickers as asked for, and everything is written to a directory that is removed at the end. The table shows
models a second, how long the coordinator is busy with each, and how much of the time; the lines below it say what more
workers would reach, each with a core of its own, before the coordinator or the MLflow server is what they wait for.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.pipeline import names, prepare
from configuration import ROOT, load
from tests.mlflow_servers import end_tree, mlflow_server
from tests.redis_servers import free_port
from training.execution.engine import Engine
from training.execution.run import RunRequest, run

WARMING = 2
PROJECTED = (16, 64)


@dataclass(frozen=True)
class Timed(Engine):
    """An engine that notes how long whoever takes its results is busy with each.

    Attributes:
        busy: seconds, one for each result.
        sizes: bytes of each result as it travels.
        taken: when each result was taken.
    """

    busy: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def map(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """As the engine does."""
        for result in super().map(function, calls):
            size = len(pickle.dumps(result))
            self.taken.append(time.perf_counter())
            yield result
            self.busy.append(time.perf_counter() - self.taken[-1])
            self.sizes.append(size)


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table; seconds of each model."""

    workers: int
    models_a_second: float
    coordinator: float
    share: float
    server: float
    kilobytes: float


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Address of a scheduler with so many workers of one thread."""
    address = f"tcp://127.0.0.1:{(port := free_port())}"
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
    commands: list[tuple[str, ...]] = [("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")]
    commands += [("worker", address, "--host", "127.0.0.1", *options)] * workers
    with ExitStack() as stack:
        log = stack.enter_context((folder / f"dask-{workers}.log").open("wb"))
        for command in commands:
            process = subprocess.Popen([sys.executable, "-m", "dask", *command], cwd=ROOT, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(end_tree, process.pid)
        yield address


def measure(folder: Path, server: int, tickers: Sequence[str], workers: int) -> Measured:
    """Train the first tickers until every worker has imported what it needs, then the others."""
    settings = load()
    with cluster(folder, workers) as scheduler:
        train(settings, tickers[: WARMING * workers], Engine(scheduler))
        engine, used = Timed(scheduler), cpu_seconds(server)
        began = time.perf_counter()
        train(settings, tickers[WARMING * workers :], engine)
        seconds = engine.taken[-1] + engine.busy[-1] - began
        used = cpu_seconds(server) - used
    count = len(engine.busy)
    return Measured(
        workers,
        count / seconds,
        median(engine.busy),
        sum(engine.busy) / seconds,
        used / count,
        sum(engine.sizes) / count / 1000,
    )


def train(settings: Any, tickers: Sequence[str], engine: Engine) -> None:
    """Train at one horizon, or say what failed."""
    for outcome in run(settings, RunRequest(tickers, [1], engine)):
        if outcome.failed:
            raise click.ClickException(outcome.reason)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far."""
    server = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in [server, *server.children(recursive=True)])


def projection(alone: Measured, workers: int) -> str:
    """What so many workers reach, by the measurement with one."""
    wanted, most = workers * alone.models_a_second, 1 / alone.coordinator
    rate = min(wanted, most)
    return (
        f"{workers} workers: {rate:.1f} models a second, the coordinator busy {rate * alone.coordinator:.0%},"
        f" the MLflow server with {rate * alone.server:.1f} cores"
    )


@click.command(help=__doc__)
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tickers", default=12, show_default=True, help="How many are measured.")
@click.option("--workers", default="1,2", show_default=True)
def main(bars: Path, tickers: int, workers: str) -> None:
    """Print a table."""
    console, counts = Console(), [int(text) for text in workers.split(",")]
    with tempfile.TemporaryDirectory(prefix="stocks-cluster-") as name:
        folder = Path(name)
        prepare(bars, names(tickers + WARMING * max(counts)), folder)
        measured = []
        for count in counts:
            with mlflow_server(folder / f"server-{count}") as (uri, process):
                point(uri, folder / f"home-{count}")
                measured.append(measure(folder, process.pid, names(tickers + WARMING * count), count))
    table = Table("workers", "models a second", "coordinator ms a model", "share", "server s a model", "kB a result")
    for one in measured:
        table.add_row(
            str(one.workers), f"{one.models_a_second:.2f}", f"{1000 * one.coordinator:.0f}", f"{one.share:.1%}",
            f"{one.server:.2f}", f"{one.kilobytes:.0f}",
        )  # fmt: skip
    console.print(table)
    for count in PROJECTED:
        console.print(projection(measured[0], count))


def point(uri: str, home: Path) -> None:
    """This process and those it starts from now on at an MLflow server and a home of its own."""
    home.mkdir()
    os.environ |= {"MLFLOW_TRACKING_URI": uri, "STOCKS_HOME": str(home), "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
