"""What a shadow of every ticker costs the answers: `python -m benchmarks.shadow`.

Needs models in STOCKS_HOME, which stays as it is: two copies are served in turns, one with an experiment that has each
champion's copy as its challenger. Printed are medians and ratios: of p50, and of the processor time of one answer, over
all processes, which other work on the machine changes little.
"""

import json
import shutil
import statistics
import tempfile
from pathlib import Path

import click
import psutil

import configuration
from benchmarks.servers import Server, ours, wait_warm
from benchmarks.serving import wrk
from forecasting.card import challenger_name, model_name

NAME = "beside"
EXPERIMENT = json.dumps([{"name": NAME, "challenger": "forest", "horizons": [1]}])
ROUNDS = 7
FRESH = {"Cache-Control": "no-cache"}
KINDS: dict[str, tuple[int, dict[str, str]]] = {
    "uncached": (1, FRESH),
    "uncached, 32 connections": (32, FRESH),
    "cached": (1, {}),
}


@click.command(help=__doc__)
@click.option("--seconds", default=2, show_default=True, help="Of each load; there are 42 of them.")
def main(seconds: int) -> None:
    """Print a line for each kind of load."""
    configuration.anchor()
    settings = configuration.load()
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / name for name in ("without", "with")]
        for home in homes:
            shutil.copytree(settings.home, home, ignore=shutil.ignore_patterns("mlflow", "logs", "served"))
        _add_challengers(homes[1] / "bentoml" / "models", settings.tickers)
        with ours(homes[0]) as without, ours(homes[1], STOCKS_SERVING__EXPERIMENTS=EXPERIMENT) as beside:
            for server in (without, beside):
                wait_warm(server)
            for kind in KINDS:
                _compare(kind, (without, beside), paths, seconds)
        made = sum(path.read_text(encoding="utf-8").count(f'"{NAME}/1/') for path in homes[1].glob("served/*.jsonl"))
        click.echo(f"forecasts of both arms written meanwhile: {made}")


def _add_challengers(store: Path, tickers: tuple[str, ...]) -> None:
    for ticker in tickers:
        champion = store / model_name(ticker, 1).lower()
        shutil.copytree(champion, store / challenger_name(NAME, ticker, 1).lower())


def _compare(kind: str, servers: tuple[Server, Server], paths: list[str], seconds: int) -> None:
    connections, headers = KINDS[kind]
    latency: tuple[list[float], list[float]] = ([], [])
    processor: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        order = (0, 1) if number % 2 else (1, 0)
        for place in order:
            before = _processor_seconds(servers[place])
            load = wrk.run(servers[place].url, paths, connections=connections, seconds=seconds, headers=headers)
            latency[place].append(load.p50)
            processor[place].append(1000 * (_processor_seconds(servers[place]) - before) / load.count)
    for name, (without, beside) in {"p50": latency, "processor time": processor}.items():
        ratios = [with_it / alone for alone, with_it in zip(without, beside, strict=True)]
        click.echo(
            f"{kind}: {name} {statistics.median(without):.3f} ms without, {statistics.median(beside):.3f} ms with a"
            f" shadow; median ratio {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}"
        )


def _processor_seconds(server: Server) -> float:
    top = psutil.Process(server.process.pid)
    spent = [process.cpu_times() for process in (top, *top.children(recursive=True))]
    return sum(one.user + one.system for one in spent)


if __name__ == "__main__":
    main()
