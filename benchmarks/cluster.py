"""Training on a Dask cluster: `python -m benchmarks.cluster --bars DIRECTORY [--tickers 12] [--workers 1,2]`.

An MLflow server, a scheduler and so many workers, each a process on loopback; the files of bars are renamed until there
are as many tickers as asked for, and everything is written to a directory that is removed at the end.

The coordinator costs processor time, and time at the end. The table shows the processor time of its whole process for
each model (how much of it went by before the first was handed out: MLflow's run, the first bars), its share of the time
that the training took, and how long it went on after the last result had come, for the last decisions. A decision
mostly waits for the server, beside others. The lines below the table say what more workers would reach, each with a
core of its own, before the coordinator or the MLflow server is what they wait for.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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
from training.execution import run as execution
from training.execution.engine import Engine
from training.execution.in_order import THREADS

WARMING = 2
PROJECTED = (16, 64)


@dataclass(frozen=True)
class Timed(Engine):
    """An engine that notes when the coordinator takes results.

    Attributes:
        first_call: processor seconds of the coordinator when it handed out the first call.
        taken: when each result was taken.
        sizes: bytes of each result as it travels.
    """

    first_call: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def map(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """As the engine does."""
        for result in super().map(function, self._noted(calls)):
            self.taken.append(time.perf_counter())
            if not self.sizes:  # one will do, since it costs the coordinator time
                self.sizes.append(len(pickle.dumps(result)))
            yield result

    def _noted(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for call in calls:
            if not self.first_call:
                self.first_call.append(time.process_time())
            yield call


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table; seconds of each model.

    Attributes:
        processor: of the coordinator, before_first of it before the first model was handed out.
        at_the_end: seconds from the last result to the end.
        decision: from a result to its outcome, median.
    """

    workers: int
    models_a_second: float
    processor: float
    before_first: float
    at_the_end: float
    decision: float
    server: float
    kilobytes: float

    @property
    def share(self) -> float:
        """Of the time, that the coordinator's processor was busy."""
        return self.processor * self.models_a_second


ROWS: dict[str, Callable[[Measured], str]] = {
    "models a second": lambda one: f"{one.models_a_second:.2f}",
    "coordinator's processor, ms a model": lambda one: f"{1000 * one.processor:.0f}",
    "of which before the first": lambda one: f"{1000 * one.before_first:.0f}",
    "coordinator's share of the time": lambda one: f"{one.share:.1%}",
    "after the last result, s": lambda one: f"{one.at_the_end:.2f}",
    "a decision, ms": lambda one: f"{1000 * one.decision:.0f}",
    "MLflow server's processor, s a model": lambda one: f"{one.server:.2f}",
    "a result, kB": lambda one: f"{one.kilobytes:.0f}",
}


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
    with cluster(folder, workers) as scheduler, noted_decisions() as decisions:
        train(settings, tickers[: WARMING * workers], Engine(scheduler))
        decisions.clear()
        engine, used = Timed(scheduler), cpu_seconds(server)
        began, busy = time.perf_counter(), time.process_time()
        train(settings, tickers[WARMING * workers :], engine)
        ended, used = time.perf_counter(), cpu_seconds(server) - used
        before_first, busy = engine.first_call[0] - busy, time.process_time() - busy
    count = len(engine.taken)
    return Measured(
        workers,
        models_a_second=count / (ended - began),
        processor=busy / count,
        before_first=before_first / count,
        at_the_end=ended - engine.taken[-1],
        decision=median(decisions),
        server=used / count,
        kilobytes=engine.sizes[0] / 1000,
    )


@contextmanager
def noted_decisions() -> Iterator[list[float]]:
    """Seconds of each decision while the block runs."""
    module: Any = execution
    seconds: list[float] = []
    decide = module.finish

    def timed(*arguments: Any) -> Any:
        began = time.perf_counter()
        outcome = decide(*arguments)
        seconds.append(time.perf_counter() - began)
        return outcome

    module.finish = timed
    try:
        yield seconds
    finally:
        module.finish = decide


def train(settings: Any, tickers: Sequence[str], engine: Engine) -> None:
    """Train at one horizon, or say what failed."""
    for outcome in execution.run(settings, execution.RunRequest(tickers, [1], engine)):
        if outcome.failed:
            raise click.ClickException(outcome.reason)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far."""
    server = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in [server, *server.children(recursive=True)])


def projection(alone: Measured, workers: int) -> str:
    """What so many workers reach, by the measurement with one."""
    wanted, most = workers * alone.models_a_second, min(1 / alone.processor, THREADS / alone.decision)
    rate = min(wanted, most)
    return (
        f"{workers} workers: {rate:.1f} models a second, the coordinator's processor busy {rate * alone.processor:.0%},"
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
    table = Table("workers", *(str(one.workers) for one in measured))
    for name, shown in ROWS.items():
        table.add_row(name, *(shown(one) for one in measured))
    console.print(table)
    for count in PROJECTED:
        console.print(projection(measured[0], count))


def point(uri: str, home: Path) -> None:
    """This process and those it starts from now on at an MLflow server and a home of its own."""
    home.mkdir()
    os.environ |= {"MLFLOW_TRACKING_URI": uri, "STOCKS_HOME": str(home), "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
