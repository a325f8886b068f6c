"""What a user sees while one part of the service fails, under load.

`python -m benchmarks.faults --connections 100 --seconds 60` starts the service with two API workers, publishes models
by training, and for each fault asks from many connections, half of it uncached: errors, p95 during the fault, and the
seconds until a model answers again after the part is back.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.load import TIMEOUT, Outcomes
from benchmarks.servers import Server, ours

TICKERS = '["AAPL", "MSFT", "NVDA", "TSLA"]'
FRESH = {"Cache-Control": "no-cache"}
OK = 200
MODELS_WITHIN = 900.0
BACK_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A part that is hurt, and mended after half of the time when it does not come back by itself."""

    name: str
    part: str
    hurt: signal.Signals
    mend: signal.Signals | None = None


FAULTS = (
    Fault("forests frozen", "forest_runner", signal.SIGSTOP, signal.SIGCONT),
    Fault("forests killed", "forest_runner", signal.SIGKILL),
    Fault("one of two API workers killed", "stock_prediction", signal.SIGKILL),
    Fault("trainer killed", "training.worker.process", signal.SIGKILL),
    Fault("supervisor frozen", "", signal.SIGSTOP, signal.SIGCONT),
)


def part_of(server: Server, word: str) -> psutil.Process | None:
    """The process of the service with `word` on its command line; without a word the supervisor."""
    top = psutil.Process(server.process.pid)
    if not word:
        return top
    for process in top.children(recursive=True):
        with suppress(psutil.Error):
            if word in process.cmdline():
                return process
    return None


async def load(url: str, connections: int, until: Callable[[], bool], outcomes: Outcomes, pause: float = 0.0) -> None:
    """Ask from `connections` at once, every second request uncached, until `until` says so.

    Args:
        pause: seconds between an answer and the next request of the same connection.
    """
    paths = ["/predict/AAPL", "/predict/MSFT?horizon=1", "/predict/NVDA", "/predict/TSLA"]
    async with aiohttp.ClientSession(url, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def user(number: int) -> None:
            step = number
            while not until():
                step += 1
                await ask(session, paths[step % len(paths)], FRESH if step % 2 else {}, outcomes)
                await asyncio.sleep(pause)

        await asyncio.gather(*(user(number) for number in range(connections)))


async def ask(session: aiohttp.ClientSession, path: str, headers: dict[str, str], outcomes: Outcomes) -> None:
    """One request; anything but 200 is an error."""
    started = time.perf_counter()
    try:
        async with session.get(path, headers=headers) as answer:
            await answer.read()
            right = answer.status == OK
    except (aiohttp.ClientError, TimeoutError, OSError):
        right = False
    if right:
        outcomes.seconds.append(time.perf_counter() - started)
    else:
        outcomes.errors += 1


async def by_model(url: str) -> bool:
    """Whether every ticker is answered by a model now."""
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session:
        for ticker in ("AAPL", "MSFT", "NVDA", "TSLA"):
            try:
                async with session.get(f"/model/status/{ticker}") as status:
                    if not (await status.json())["model_loaded"]:
                        return True  # it was rejected; the others show what is looked for
                async with session.get(f"/predict/{ticker}", headers=FRESH) as answer:
                    if answer.status != OK or (await answer.json())["model"]["type"] == "baseline":
                        return False
            except (aiohttp.ClientError, TimeoutError, OSError):
                return False
    return True


async def suffer(server: Server, fault: Fault, connections: int, seconds: float) -> tuple[Outcomes, float]:
    """The outcomes of the load during a fault, and the seconds until models answer again after its end."""
    outcomes, ends = Outcomes(), time.monotonic() + seconds
    loading = asyncio.create_task(load(server.url, connections, lambda: time.monotonic() > ends, outcomes))
    await asyncio.sleep(seconds / 4)
    if (part := part_of(server, fault.part)) is None:
        raise click.ClickException(f"{fault.name}: there is no such process")
    os.kill(part.pid, fault.hurt)
    await asyncio.sleep(seconds / 2)
    if fault.mend is not None:
        os.kill(part.pid, fault.mend)
    back = await seconds_until_back(server.url)
    await loading
    return outcomes, back


async def seconds_until_back(url: str) -> float:
    """Seconds until every model answers."""
    began = time.monotonic()
    while not await by_model(url):
        if time.monotonic() - began > BACK_WITHIN:
            return float("inf")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def trained(url: str) -> None:
    """Wait until no training is open."""
    deadline = time.monotonic() + MODELS_WITHIN
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session:
        while time.monotonic() < deadline:
            async with session.get("/metrics") as answer:
                text = await answer.text()
            done = [line for line in text.splitlines() if line.startswith("stocks_trainings{")]
            if done and not any("queued" in line or "running" in line for line in done):
                return
            await asyncio.sleep(1)
    raise click.ClickException(f"the models were not trained within {MODELS_WITHIN:.0f} s")


def show(rows: Sequence[tuple[Fault, Outcomes, float]], console: Console) -> None:
    """The table of docs/reliability.md."""
    table = Table("fault", "requests", "errors", "p50 ms", "p95 ms", "longest ms", "models again after s")
    for fault, outcomes, back in rows:
        times = (f"{1000 * outcomes.quantile(fraction):.0f}" for fraction in (0.5, 0.95, 1.0))
        table.add_row(fault.name, str(outcomes.count), str(outcomes.errors), *times, f"{back:.1f}")
    console.print(table)


@click.command(help=__doc__)
@click.option("--connections", default=100, show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="Of load for each fault.")
def main(connections: int, seconds: float) -> None:
    """Each fault in its turn, on one service."""
    given = {
        "STOCKS_TICKERS": TICKERS,
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_SERVING__WORKERS": "2",
        "STOCKS_MARKET__PROVIDERS": '["simulated"]',
        "STOCKS_TRAINING__ON_START": "true",
    }
    with tempfile.TemporaryDirectory(prefix="stocks-faults-") as home, ours(Path(home), **given) as server:
        asyncio.run(trained(server.url))
        rows = [(fault, *asyncio.run(suffer(server, fault, connections, seconds))) for fault in FAULTS]
    show(rows, Console())


if __name__ == "__main__":
    main()
