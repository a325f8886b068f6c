"""What a shadow of every ticker costs the answers: `python -m benchmarks.shadow`, five minutes.

Needs models in STOCKS_HOME, which stays as it is: three copies are served, one with an experiment that has each
champion's copy as its challenger, two without. They are loaded in turns, each round in another order; what the two
without differ by is the noise, beside which the verdict is to be read. Printed are medians, and ratios of one round's
loads with a 95 % bootstrap interval of their median: of p50, and of the processor time of one answer over all
processes, which other work on the machine changes little.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import psutil

import configuration
from benchmarks.servers import Server, ours, wait_warm
from benchmarks.serving import wrk
from forecasting.card import challenger_name, model_name
from market.bars import FloatArray

NAME = "beside"
EXPERIMENT = json.dumps([{"name": NAME, "challenger": "forest", "horizons": [1]}])
ROUNDS = 15
# What a shadow may cost, as a ratio.
LIMIT = 1.03
FRESH = {"Cache-Control": "no-cache"}
KINDS: dict[str, tuple[int, dict[str, str]]] = {
    "uncached": (1, FRESH),
    "uncached, 32 connections": (32, FRESH),
    "cached": (1, {}),
}
ARMS = {"without": {}, "without again": {}, "with": {"STOCKS_SERVING__EXPERIMENTS": EXPERIMENT}}


class Ratio(NamedTuple):
    """Median of the ratios of the rounds, and its 95 % interval."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, arm: FloatArray, other: FloatArray) -> "Ratio":
        """Of what was measured in the same rounds, shape (n,) each."""
        ratios = arm / other
        drawn = np.random.default_rng(1).choice(ratios, (2000, ratios.size))
        low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
        return cls(float(np.median(ratios)), float(low), float(high))

    def __str__(self) -> str:
        """As it is printed."""
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def verdict(cost: Ratio, noise: Ratio) -> str:
    """Whether the cost is below LIMIT, where the noise is and so lets it be seen."""
    if not 1 / LIMIT < noise.median < LIMIT:
        return "not settled, the machine is too noisy"
    if cost.high < LIMIT:
        return f"less than {LIMIT - 1:.0%} more"
    return f"at least {LIMIT - 1:.0%} more" if cost.low >= LIMIT else f"not settled whether below {LIMIT - 1:.0%}"


@click.command(help=__doc__)
@click.option("--seconds", default=2, show_default=True, help="Of each load.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Loads of each arm, for each of three kinds.")
def main(seconds: int, rounds: int) -> None:
    """Print two lines and a verdict for each kind of load."""
    configuration.anchor()
    settings = configuration.load()
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        homes = {arm: _copy(settings.home, Path(folder) / arm.replace(" ", "_")) for arm in ARMS}
        _add_challengers(homes["with"] / "bentoml" / "models", settings.tickers)
        servers = [stack.enter_context(ours(homes[arm], **given)) for arm, given in ARMS.items()]
        for server in servers:
            wait_warm(server)
        for kind in KINDS:
            _compare(kind, servers, paths, seconds, rounds)
        made = sum(
            path.read_text(encoding="utf-8").count(f'"{NAME}/1/') for path in homes["with"].glob("served/*.jsonl")
        )
        click.echo(f"forecasts of both arms written meanwhile: {made}")


def _copy(home: Path, other: Path) -> Path:
    shutil.copytree(home, other, ignore=shutil.ignore_patterns("mlflow", "logs", "served"))
    return other


def _add_challengers(store: Path, tickers: tuple[str, ...]) -> None:
    for ticker in tickers:
        champion = store / model_name(ticker, 1).lower()
        shutil.copytree(champion, store / challenger_name(NAME, ticker, 1).lower())


def _compare(kind: str, servers: Sequence[Server], paths: list[str], seconds: int, rounds: int) -> None:
    connections, headers = KINDS[kind]
    latency, processor = np.empty((rounds, len(servers))), np.empty((rounds, len(servers)))
    for number in range(rounds):
        for place in np.roll(range(len(servers)), number):
            before = _processor_seconds(servers[place])
            load = wrk.run(servers[place].url, paths, connections=connections, seconds=seconds, headers=headers)
            latency[number, place] = load.p50
            processor[number, place] = 1000 * (_processor_seconds(servers[place]) - before) / load.count
    for name, found in {"p50": latency, "processor time": processor}.items():
        without, again, beside = found.T
        cost, noise = Ratio.of(beside, (without + again) / 2), Ratio.of(again, without)
        click.echo(
            f"{kind}: {name} {np.median(without):.3f} ms without, {np.median(beside):.3f} ms with a shadow; ratio"
            f" {cost}; of the two without {noise}: {verdict(cost, noise)}"
        )


def _processor_seconds(server: Server) -> float:
    top = psutil.Process(server.process.pid)
    spent = [process.cpu_times() for process in (top, *top.children(recursive=True))]
    return sum(one.user + one.system for one in spent)


if __name__ == "__main__":
    main()
