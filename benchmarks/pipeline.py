"""Speed and memory of training: `python -m benchmarks.pipeline --bars DIRECTORY [--tickers 500] [--horizons 1]`.

The files are renamed until there are as many tickers as asked for; everything is written to a directory that is removed
at the end. The table shows whether the time for each ticker and the memory stay flat, and what MLflow keeps of each
model; below it stands a plain refit of one model, as a retraining does it, with the imports done.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import click
import psutil
from rich.console import Console
from rich.table import Table

import configuration
from training.mlflow_registry.environment import prepare_environment

STEPS = 10
REFITS = 5
MIB = 2**20


class Mark(NamedTuple):
    """After a step: models that there are, seconds since the last one, MiB in memory, MB that MLflow keeps."""

    models: int
    seconds: float
    memory: float
    kept: float


def names(count: int) -> list[str]:
    """Tickers that nobody has: AAA, AAB and so on."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [f"{letters[i // 676 % 26]}{letters[i // 26 % 26]}{letters[i % 26]}" for i in range(count)]


def prepare(bars: Path, tickers: Sequence[str], folder: Path) -> None:
    """Copies of the files under the tickers' names, and an environment that points at them."""
    (folder / "bars").mkdir()
    for ticker, path in zip(tickers, islice(cycle(sorted(bars.glob("*.csv"))), len(tickers)), strict=True):
        shutil.copy(path, folder / "bars" / f"{ticker}.csv")
    os.environ |= {
        "STOCKS_HOME": str(folder / "home"),
        "BENTOML_HOME": str(folder / "home" / "bentoml"),
        "STOCKS_TICKERS": json.dumps(list(tickers)),
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(folder / "bars"),
    }
    configuration.anchor()
    prepare_environment()


def memory() -> float:
    """Resident memory of this process and its children, MiB."""
    me = psutil.Process()
    return sum(process.memory_info().rss for process in [me, *me.children(recursive=True)]) / MIB


def kept() -> float:
    """What MLflow keeps on the disk, MB."""
    folder = configuration.load().home / "mlflow"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure(tickers: Sequence[str], horizons: Sequence[int]) -> tuple[float, list[Mark]]:
    """Seconds in all, and a mark after each step."""
    from training.execution.outcome import Outcome  # noqa: PLC0415  # the environment comes first
    from training.execution.run import RunRequest, run  # noqa: PLC0415

    total = len(tickers) * len(horizons)
    marks: list[Mark] = []
    done = 0
    started = last = perf_counter()

    def note(_outcome: Outcome) -> None:
        nonlocal done, last
        done += 1
        if done % max(total // STEPS, 1) == 0:
            now = perf_counter()
            marks.append(Mark(done, now - last, memory(), kept()))
            last = perf_counter()

    outcomes = run(configuration.load(), RunRequest(tickers, horizons, on_outcome=note))
    for outcome in outcomes:
        if outcome.failed:
            raise click.ClickException(outcome.reason)
    return perf_counter() - started, marks


def refit_seconds(ticker: str) -> list[float]:
    """Seconds of plain refits of one model, scores, registration and publication included."""
    from training.execution.run import run_one  # noqa: PLC0415  # the environment comes first

    seconds = []
    for _ in range(REFITS):
        started = perf_counter()
        run_one(configuration.load(), ticker, 1)
        seconds.append(perf_counter() - started)
    return seconds


@click.command(help=__doc__)
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tickers", default=10, show_default=True, help="How many.")
@click.option("--horizons", default="1,5,21", show_default=True)
def main(bars: Path, tickers: int, horizons: str) -> None:
    """Print a table."""
    console = Console()
    chosen = names(tickers)
    with tempfile.TemporaryDirectory(prefix="stocks-pipeline-") as folder:
        prepare(bars, chosen, Path(folder))
        seconds, marks = measure(chosen, [int(text) for text in horizons.split(",")])
        refits = refit_seconds(chosen[0])
    title = f"{tickers} tickers at horizons {horizons}: {seconds:.0f} s"
    table = Table("models", "seconds a model", "MiB", "MLflow, MB a model", title=title)
    before = Mark(0, 0.0, 0.0, marks[0].kept)
    for mark in marks:
        count = mark.models - before.models
        stored = f"{(mark.kept - before.kept) / count:.2f}" if before.models else "with the empty store"
        table.add_row(str(mark.models), f"{mark.seconds / count:.2f}", f"{mark.memory:.0f}", stored)
        before = mark
    console.print(table)
    console.print(
        f"a plain refit of one model: {median(refits):.1f} s (median of {REFITS}: {max(refits):.1f} s at most)"
    )


if __name__ == "__main__":
    main()
