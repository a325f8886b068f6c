"""How long a model takes to train, here and in another checkout: `python -m benchmarks.releases.training_times OTHER`.

Both train in the environment of this one, from the bars of `market.files.directory`, in turns and into empty homes that
are removed at the end: loading, walk-forward, scores, registration and publication.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.serving.tables import table
from configuration import ROOT

MODELS = ("AAPL 1", "AAPL 5", "MSFT 1", "MSFT 5")
TIMES = 3
KINDS = ("wall", "processor")
_TRAINER = Path(__file__).with_name("trainer.py")


@contextmanager
def _trainer(source: Path, **settings: str) -> "Iterator[subprocess.Popen[str]]":
    """A process that trains in the checkout `source`, with an empty home of its own."""
    with tempfile.TemporaryDirectory(prefix="stocks-releases-") as home:
        variables = {"STOCKS_HOME": home, "BENTOML_HOME": f"{home}/bentoml", "PYTHONPATH": str(source), **settings}
        process = subprocess.Popen(
            [sys.executable, "-P", str(_TRAINER)],
            cwd=source,
            env=os.environ | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


def _train(process: "subprocess.Popen[str]", model: str) -> dict[str, float]:
    """Seconds of the wall clock and of the processor.

    Raises:
        ClickException: the model failed, or the process ended.
    """
    if process.stdin is None or process.stdout is None:
        raise TypeError(process)
    process.stdin.write(f"{model}\n")
    process.stdin.flush()
    said = process.stdout.readline()
    if not said:
        raise click.ClickException(f"{process.args!r} ended before it had trained {model}; its error stands above")
    spent: dict[str, Any] = json.loads(said)
    if reason := spent.pop("failed"):
        raise click.ClickException(f"{model}: {reason}")
    return spent


def training_times(other: Path, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    """Medians of TIMES trainings of each model in either checkout, in turns, after one that is not counted.

    Args:
        settings: variables of this release alone.

    Raises:
        ClickException: a model failed.
    """
    with ExitStack() as stack:
        trainers = {
            "this release": stack.enter_context(_trainer(ROOT, **settings)),
            "the other": stack.enter_context(_trainer(other)),
        }
        for process in trainers.values():
            _train(process, MODELS[0])
        spent: dict[str, list[dict[str, float]]] = {name: [] for name in trainers}
        for turn in range(TIMES * len(MODELS)):
            order = list(trainers)[:: 1 if turn // len(MODELS) % 2 == 0 else -1]
            for name in order:
                spent[name].append(_train(trainers[name], MODELS[turn % len(MODELS)]))
    return _rows(spent)


def _rows(spent: Mapping[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for index, model in enumerate(MODELS):
        medians = {
            name: {kind: median(one[kind] for one in all_[index :: len(MODELS)]) for kind in KINDS}
            for name, all_ in spent.items()
        }
        rows += [
            {"model": model, "release": name, **mine, **_ratios(mine, medians["the other"])}
            for name, mine in medians.items()
        ]
    totals = {name: {kind: sum(one[kind] for one in all_) for kind in KINDS} for name, all_ in spent.items()}
    ratio = _ratios(totals["this release"], totals["the other"])
    return [*rows, {"model": "all", "release": "this release", **totals["this release"], **ratio}]


def _ratios(mine: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float]:
    return {f"{kind}, times the other": mine[kind] / theirs[kind] for kind in mine}


@click.command(help=__doc__)
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--reports",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ticker,filed_on[,timing] for this release alone, when OTHER knows no report dates.",
)
def main(other: Path, reports: Path | None) -> None:
    """Print a table."""
    alone = {"STOCKS_MARKET__FILES__REPORTS": str(reports.resolve())} if reports else {}
    click.echo(table(training_times(other.resolve(), alone)))


if __name__ == "__main__":
    main()
