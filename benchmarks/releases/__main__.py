"""This release beside another checkout: the same answers, at which rate; `python -m benchmarks.releases DIRECTORY`.

Both run in the environment of this one, at the same time, and are asked in turns. Each has one API worker.
`python -m benchmarks.releases.training_times` compares how long both train.
"""

import json
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import configuration
from benchmarks.servers import Server, ours, wait_warm
from benchmarks.serving.__main__ import FRESH, in_turns
from benchmarks.serving.tables import table

# What differs between two answers to the same question, whoever gives them.
OF_THE_MOMENT = frozenset({"timestamp"})
HEADERS_OF_THE_MOMENT = frozenset({"date", "etag", "x-request-id", "x-response-time", "server-timing"})

console = Console(stderr=True)


def differences(servers: Sequence[Server], paths: Sequence[str], headers: dict[str, str]) -> list[str]:
    """The paths to which two servers answer differently, but for what is of the moment."""
    return [path for path in paths if len({_answer(server, path, headers) for server in servers}) > 1]


def _answer(server: Server, path: str, headers: dict[str, str]) -> tuple[object, ...]:
    request = urllib.request.Request(server.url + path, headers=headers)  # noqa: S310  # our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            status, given, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, given, body = error.code, error.headers, error.read()
    known: dict[str, Any] = json.loads(body)
    moments = {str(known[name]) for name in OF_THE_MOMENT & known.keys()}
    for moment in moments:
        body = body.replace(moment.encode(), b"")
    kept = sorted((name.lower(), value) for name, value in given.items() if name.lower() not in HEADERS_OF_THE_MOMENT)
    return status, tuple(kept), body


@click.command(help="This release beside the one checked out in OTHER.")
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--other-home", type=click.Path(path_type=Path), help="STOCKS_HOME of OTHER, when it reads older files.")
@click.option("--rates-only", is_flag=True, help="Compare no answers, when the models differ.")
@click.option(
    "--reports",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ticker,filed_on[,timing] for this release alone, when OTHER knows no report dates.",
)
@click.option("--seconds", default=5, show_default=True, help="Of each single load.")
def main(other: Path, other_home: Path | None, rates_only: bool, reports: Path | None, seconds: int) -> None:  # noqa: FBT001  # a flag
    """Compare answers, then rates of hits and of computed predictions."""
    configuration.anchor()
    settings = configuration.load()
    alone = {"STOCKS_MARKET__FILES__REPORTS": str(reports.resolve())} if reports else {}
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    with ours(settings.home, **alone) as this, ours(other_home or settings.home, other.resolve()) as beside:
        servers = {"this release": this, "the other": beside}
        for server in servers.values():
            wait_warm(server)
        if not rates_only:
            _compare_answers([this, beside], settings)
        for title, asked, headers in (("hits", paths[:1], {}), ("computed", paths, FRESH)):
            console.print(f"[bold]{title}")
            console.print(table(_rates(servers, asked, headers, seconds)))


def _compare_answers(servers: Sequence[Server], settings: configuration.Settings) -> None:
    asked = [f"/predict/{ticker}?horizon={horizon}" for ticker in settings.tickers for horizon in settings.horizons]
    asked += ["/predict/ZZZZ", "/predict/1", "/predict/AAPL?horizon=2", "/predict/AAPL?quantiles=0.05,0.5&above=100"]
    found = [path for headers in ({}, FRESH) for path in differences(servers, asked, headers)]
    if found:
        console.print(f"[red]answered differently: {', '.join(found)}")
        sys.exit(1)
    console.print(f"{2 * len(asked)} answers are the same")


def _rates(
    servers: dict[str, Server], paths: Sequence[str], headers: dict[str, str], seconds: int
) -> list[dict[str, Any]]:
    rows = []
    for medians in in_turns(servers, paths, seconds, headers):
        reference = medians["the other"].rate
        rows += [{"server": name, **asdict(one), "times": one.rate / reference} for name, one in medians.items()]
    return rows


if __name__ == "__main__":
    main()
