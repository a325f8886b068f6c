"""This service beside others, in one go on one machine, with the same bars and models: `python -m benchmarks.serving`.

Uses the models and the calendar of STOCKS_HOME (train them first) and the bars of `market.files.directory`. Writes
`benchmarks/results/serving.md`, `.json` and `.png`. Everything is on 127.0.0.1, bounded in time, and ended by itself.
"""

import asyncio
import json
import math
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import configuration
from benchmarks import load
from benchmarks.scale import in_one_request
from benchmarks.servers import Server, bare, free_port, ours, plain, redis_server, running, wait_idle, wait_warm
from benchmarks.serving import wrk
from benchmarks.serving.tables import draw, table, written
from configuration import ROOT

RESULTS = ROOT / "benchmarks" / "results"
CONNECTIONS = (1, 32, 100)
FRESH = {"Cache-Control": "no-cache"}
ROUNDS = 3
WORKERS = (1, 2, 4)
# Prices are rounded to a hundredth of a cent; an input that is rounded otherwise may fall to the other side of a split.
AGREEMENT = 1e-3
OPEN_RATE, EVEN_RATE = 1000.0, 200.0
REQUESTS_BEFORE_MEMORY = 200_000

Section = Callable[[Path, configuration.Settings, int], list[dict[str, Any]]]
console = Console(stderr=True)


def cached(home: Path, _settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """The same ticker again and again, this service and the plain one in turns."""
    return _in_turns(home, ["/predict/AAPL"], seconds, {}, {})


def uncached(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """`Cache-Control: no-cache`, all tickers in turn: features and model every time."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    with ours(home, STOCKS_SERVING__RUNNER="embedded") as embedded:
        wait_warm(embedded)
        return _in_turns(home, paths, seconds, FRESH, {"embedded": embedded})


def _in_turns(
    home: Path, paths: Sequence[str], seconds: int, headers: dict[str, str], others: dict[str, Server]
) -> list[dict[str, Any]]:
    with ours(home) as first, plain(home) as second:
        wait_warm(first)
        _check_agreement(first, second, paths)
        with bare(first, paths[0]) as limit:
            servers = {"this service": first, **others, "bare uvicorn": limit, "plain FastAPI": second}
            return _alternate(servers, paths, seconds, headers)


def _alternate(
    servers: dict[str, Server], paths: Sequence[str], seconds: int, headers: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    for medians in in_turns(servers, paths, seconds, headers):
        limit, usual = medians["bare uvicorn"], medians["plain FastAPI"]
        rows += [{"server": name, **asdict(one), **_compared(one, limit, usual)} for name, one in medians.items()]
    return rows


def in_turns(
    servers: dict[str, Server], paths: Sequence[str], seconds: int, headers: dict[str, str]
) -> Iterator[dict[str, wrk.Load]]:
    """For each number of CONNECTIONS the median load by server, loaded in turns: other work then hits all alike."""
    for number in CONNECTIONS:
        found: dict[str, list[wrk.Load]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, server in servers.items():
                found[name].append(wrk.run(server.url, paths, connections=number, seconds=seconds, headers=headers))
                wait_idle(server)
        yield {name: median(loads) for name, loads in found.items()}


def _compared(one: wrk.Load, limit: wrk.Load, usual: wrk.Load) -> dict[str, float]:
    return {"of limit": one.rate / limit.rate, "p99 of limit": one.p99 / limit.p99, "of plain": one.rate / usual.rate}


def _check_agreement(first: Server, second: Server, paths: Sequence[str]) -> None:
    """Refuse to compare two services that do not say the same."""
    for path in paths:
        ours_said, plain_said = (_get(server.url + path)["prediction"] for server in (first, second))
        for name, expected in (("lower", ours_said["interval"]["lower"]), ("price_target", ours_said["price_target"])):
            if not math.isclose(plain_said[name], expected, rel_tol=AGREEMENT):
                raise click.ClickException(f"{path}: {name} is {expected} here and {plain_said[name]} there")


def median(loads: Sequence[wrk.Load]) -> wrk.Load:
    """The middle of several loads, in each figure; errors and answers of all."""
    middle = {name: statistics.median(getattr(one, name) for one in loads) for name in ("rate", "p50", "p95", "p99")}
    return replace(loads[0], **middle, errors=sum(one.errors for one in loads), count=sum(one.count for one in loads))


def designs(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """Uncached: rows gathered for the forests' process, forests inside the API worker, and one call for each row."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    port = free_port()
    single = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "benchmarks.serving.ungathered:StockPrediction",
        "--port",
        str(port),
    ]
    variables = {"STOCKS_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "STOCKS_TRAINING__ON_START": "false"}
    kinds: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        "gathered, own process": lambda: ours(home),
        "embedded": lambda: ours(home, STOCKS_SERVING__RUNNER="embedded"),
        "one call per row": lambda: running(single, "/readyz", port, cwd=ROOT, **variables),
    }
    rows = []
    for name, start in kinds.items():
        with start() as server:
            wait_warm(server)
            for number in (32, 100):
                found = wrk.run(server.url, paths, connections=number, seconds=2 * seconds, headers=FRESH)
                rows.append({"server": name, **asdict(found), "memory_mb": sum(server.memory_mb().values())})
    return rows


def batching(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """Uncached, with one, two and four API workers: with BentoML's adaptive batching and without, in turns."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    rows = []
    for workers in WORKERS:
        given = {"STOCKS_SERVING__WORKERS": str(workers)}
        with (
            ours(home, **given, STOCKS_SERVING__ADAPTIVE_BATCHING="true") as with_it,
            ours(home, **given, STOCKS_SERVING__ADAPTIVE_BATCHING="false") as without,
        ):
            servers = {"with": with_it, "without": without}
            for server in servers.values():
                wait_warm(server)
            for number in CONNECTIONS:
                found: dict[str, list[wrk.Load]] = {name: [] for name in servers}
                for _ in range(ROUNDS):
                    for name, server in servers.items():
                        one = wrk.run(server.url, paths, connections=number, seconds=seconds, headers=FRESH)
                        found[name].append(one)
                medians = {name: median(loads) for name, loads in found.items()}
                rows += [{"server": f"{workers} workers, {name}", **asdict(one)} for name, one in medians.items()]
    return rows


def workers(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """One, two and four API workers that share a Redis: hits, computed predictions, and the memory that each adds."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    rows: list[dict[str, Any]] = []
    with redis_server() as redis:
        for number in WORKERS:
            with ours(home, REDIS_URL=redis.url, STOCKS_SERVING__WORKERS=str(number)) as server:
                wait_warm(server)
                for kind, headers in (("hits", {}), ("computed", FRESH)):
                    loads = [
                        wrk.run(server.url, paths, connections=32 * number, seconds=seconds, headers=headers)
                        for _ in range(ROUNDS)
                    ]
                    rows.append({"workers": number, "": kind, **asdict(median(loads))})
                memory = sum(server.memory_mb().values())
                first = rows[0].get("memory MiB", memory)
                added = {"memory MiB": memory, "each adds": (memory - first) / (number - 1) if number > 1 else None}
                rows[-2:] = [row | added for row in rows[-2:]]
    return rows


def steady(home: Path, _settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """1,000 requests a second whatever comes back, and 100 connections for a minute."""
    with ours(home) as server:
        wait_warm(server)
        even = asyncio.run(load.open_loop(server.url, ["/predict/AAPL"], OPEN_RATE, 4 * seconds))
        hard = wrk.run(server.url, ["/predict/AAPL"], connections=100, seconds=12 * seconds)
    times = {f"p{name}": 1000 * even.quantile(name / 100) for name in (50, 95, 99)}
    kept = {"server": f"{OPEN_RATE:.0f}/s, open loop", "connections": "", "rate": OPEN_RATE, **times}
    return [
        kept | {"errors": even.errors, "count": even.count},
        {"server": f"100 connections, {12 * seconds} s", **asdict(hard)},
    ]


def one_row(home: Path, _settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """One row through the same forest by HTTP."""
    from benchmarks.serving import peers  # noqa: PLC0415  # it imports what trains

    found = peers.rows(home, home / "benchmarks", seconds)
    return [{"server": name, **asdict(one)} for name, loads in found.items() for one in loads]


def start_and_memory(home: Path, settings: configuration.Settings, _seconds: int) -> list[dict[str, Any]]:
    """Starts, median of three, and memory of all processes after 200,000 requests; an empty BentoML service beside."""
    kinds: dict[str, Callable[[], AbstractContextManager[Server]]] = {
        "empty BentoML service": _empty,
        "this service": lambda: ours(home),
        "embedded": lambda: ours(home, STOCKS_SERVING__RUNNER="embedded"),
    }
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    started: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    footprints = {}
    for turn in range(ROUNDS):
        for name, start in kinds.items():
            with start() as server:
                warm = wait_warm(server) if name != "empty BentoML service" else server.started
                started[name].append((server.started, warm))
                if turn == ROUNDS - 1:
                    footprints[name] = _footprint(server, paths if name != "empty BentoML service" else ())
    rows = []
    for name, times in started.items():
        ready, warm = (statistics.median(column) for column in zip(*times, strict=True))
        rows.append({"server": name, "ready s": ready, "warm s": warm, **footprints[name]})
    return rows


@contextmanager
def _empty() -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "benchmarks.serving.empty:Outer", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, running(command, "/readyz", port, BENTOML_HOME=folder) as server:
        yield server


def _footprint(server: Server, paths: Sequence[str] = ()) -> dict[str, Any]:
    """Memory after requests for `paths` in turn, if any."""
    answered = 0
    while paths and answered < REQUESTS_BEFORE_MEMORY:
        answered += wrk.run(server.url, paths, connections=32, seconds=5).count
    memory = server.memory_mb()
    return {"memory MiB": sum(memory.values()), "of which": _parts(memory)}


def _parts(memory: dict[str, float]) -> str:
    return ", ".join(f"{role} {megabytes:.0f}" for role, megabytes in memory.items())


def endurance(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """Ten minutes at 32 connections, mostly hits, a twelfth of the time computed predictions: memory by the minute."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    rows = []
    with ours(home) as server:
        wait_warm(server)
        rows.append({"minute": 0, **_footprint(server), "answers": 0, "errors": 0})
        for minute in range(1, 11):
            loads = [
                wrk.run(server.url, paths, connections=32, seconds=11 * seconds),
                wrk.run(server.url, paths, connections=32, seconds=seconds, headers=FRESH),
            ]
            counts = {"answers": sum(one.count for one in loads), "errors": sum(one.errors for one in loads)}
            rows.append({"minute": minute, **_footprint(server), **counts})
    return rows


def many(home: Path, settings: configuration.Settings, _seconds: int) -> list[dict[str, Any]]:
    """10, 100 and 500 tickers, horizon 1."""
    bars = settings.market.files.directory
    if bars is None:
        raise click.ClickException("market.files.directory must name the directory of bars")
    rows = []
    for count in (10, 100, 500):
        found = in_one_request.run(home, bars, count)
        times = {"ready s": found.ready, "warm s": found.warm, "all at once, first ms": found.first}
        times |= {"all at once, p95 ms": found.many_p95}
        rows.append({"tickers": count, **times, "memory MiB": sum(found.memory_mb.values())})
    return rows


def layers(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """A hit in memory and one in Redis, all tickers in turn at 200 requests a second; and the share of hits."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    rows = []
    with redis_server() as redis:
        for name, variables in (("memory", {}), ("redis", {"STOCKS_CACHE__MEMORY_TTL": "0"})):
            with ours(home, REDIS_URL=redis.url, **variables) as server:
                wait_warm(server)
                found = asyncio.run(load.open_loop(server.url, paths, EVEN_RATE, 2 * seconds))
                share = _get(f"{server.url}/performance/metrics")["cache_performance"]["hit_rate"]
                rows.append({"hits in": name, **_times(found), "errors": found.errors, "hit rate": share})
    return rows


def retraining(home: Path, settings: configuration.Settings, seconds: int) -> list[dict[str, Any]]:
    """Hits at 200 requests a second, before and while one ticker is trained again at every horizon."""
    paths = [f"/predict/{ticker}" for ticker in settings.tickers]
    rows: list[dict[str, Any]] = []
    with ours(home) as server:
        wait_warm(server)
        for name in ("quiet", "while training"):
            if name != "quiet":
                request = urllib.request.Request(f"{server.url}/model/retrain/AAPL", method="POST")  # noqa: S310
                job = _get(request)
            found = asyncio.run(load.open_loop(server.url, paths, EVEN_RATE, 5 * seconds))
            rows.append({"": name, **_times(found), "errors": found.errors})
        rows[-1][""] += f" (then {_get(f'{server.url}/model/retrain/' + job['job_id'])['status']})"
    return rows


def _times(found: load.Outcomes) -> dict[str, float]:
    return {f"p{percent} ms": 1000 * found.quantile(percent / 100) for percent in (50, 95, 99)}


def _get(address: str | urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  # our own server
        found: dict[str, Any] = json.load(answer)
        return found


SECTIONS: dict[str, Section] = {
    "cached": cached,
    "uncached": uncached,
    "designs": designs,
    "batching": batching,
    "workers": workers,
    "steady": steady,
    "one_row": one_row,
    "start_and_memory": start_and_memory,
    "endurance": endurance,
    "many": many,
    "layers": layers,
    "retraining": retraining,
}


@click.command(help="This service beside others on this machine; writes benchmarks/results/.")
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)))
@click.option("--seconds", default=5, show_default=True, help="Of each single load.")
def main(sections: tuple[str, ...], seconds: int) -> None:
    """All sections, or those named; results of the others stay as they were."""
    configuration.anchor()
    settings = configuration.load()
    RESULTS.mkdir(exist_ok=True)
    stored = RESULTS / "serving.json"
    known = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for name in sections or SECTIONS:
        console.print(f"[bold]{name}")
        known[name] = SECTIONS[name](settings.home, settings, seconds)
        console.print(table(known[name]))
        ordered = {section: known[section] for section in SECTIONS if section in known}
        titled = {(SECTIONS[section].__doc__ or section).strip(): rows for section, rows in ordered.items()}
        stored.write_text(json.dumps(ordered, indent=1), encoding="utf-8")
        (RESULTS / "serving.md").write_text(written(titled), encoding="utf-8")
        draw(ordered, RESULTS / "serving.png")


if __name__ == "__main__":
    main()
