"""How current many listeners are, and what they cost: the worker, and the answers beside them."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.load import Outcomes, open_loop
from benchmarks.serving import wrk
from benchmarks.streams.listeners import CURRENT, Listener, listeners, read_all, until_streamed
from benchmarks.streams.scene import Scene, Stage
from benchmarks.streams.stand_in import TICKERS
from serving.monitoring.process_memory import MIB

READ_EVERY_SECONDS = 5.0
ROUNDS = 3
BESIDE_SECONDS = 4
CONNECTIONS = 8
OPEN_RATE = 500.0  # requests a second, sent whether the ones before were answered or not
PATHS = [f"/predict/{ticker}" for ticker in TICKERS]
FRESH = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True)
class Costs:
    """What was taken while listeners were watched.

    Attributes:
        worker, generator: cores; the generator is this process, listeners and provider.
        grown: MiB that the worker grew.
        delay: the longest, in seconds, that this process was kept from running.
    """

    seconds: float
    worker: float
    generator: float
    grown: float
    delay: float


async def currency(stage: Stage, sources: Sequence[Path], count: int, seconds: int, rounds: int) -> None:
    """Print how current `count` listeners of each checkout are, in turns."""
    table = Table(title=f"{count} listeners to {len(TICKERS)} tickers, a price a second of each, {seconds} s")
    names = ("service", "load", "events/s", "arrived", "lag p50", "p99", "longest", f"all within {CURRENT:g} s")
    for name in (*names, "worker", "generator", "own delay", "grew"):
        table.add_column(name)
    for _ in range(rounds):
        for source in sources:
            async with stage.service(source) as scene, listeners(scene.url, count, stage.provider.sent_at) as made:
                await asyncio.gather(*(until_streamed(listener) for listener in made))
                costs, sent = await _watched(scene, made, seconds)
                table.add_row(source.name, f"{psutil.getloadavg()[0]:.0f}", *_row(made, costs, sent))
    Console(width=150).print(table)


async def beside(stage: Stage, count: int) -> None:
    """Print what answers a second, and how late, are left beside `count` listeners, in turns without and with them."""
    without, together, cores = list[dict[str, float]](), list[dict[str, float]](), list[Costs]()
    async with stage.service() as scene:
        for _ in range(ROUNDS):
            without.append(await _answers(scene.url))
            async with listeners(scene.url, count, stage.provider.sent_at) as made:
                await asyncio.gather(*(until_streamed(listener) for listener in made))
                cores.append((await _watched(scene, made, READ_EVERY_SECONDS))[0])
                together.append(await _answers(scene.url))
    table = Table(title=f"Answers beside {count} listeners, medians of {ROUNDS} turns, {CONNECTIONS} connections")
    for name in ("", "without", "with", "kept"):
        table.add_column(name)
    for name in without[0]:
        alone, both = (statistics.median(one[name] for one in found) for found in (without, together))
        table.add_row(name, f"{alone:,.1f}", f"{both:,.1f}", f"{both / alone:.0%}")
    console = Console(width=150)
    console.print(table)
    worker, generator = (statistics.median(getattr(one, name) for one in cores) for name in ("worker", "generator"))
    share, load = (worker + generator) / (psutil.cpu_count() or 1), psutil.getloadavg()[0]
    console.print(
        f"listeners and nothing else: worker {worker:.0%} of a core, generator {generator:.0%}, "
        f"together {share:.0%} of this machine; load {load:.0f}"
    )


async def _watched(scene: Scene, made: Sequence[Listener], seconds: float) -> tuple[Costs, int]:
    """What was taken, and how many prices were sent meanwhile."""
    await read_all(made)
    for listener in made:
        del listener.lags[:]
    worker, own = scene.workers[0], psutil.Process()
    delays = asyncio.create_task(_own_delays())
    memory, cpu = worker.memory_info().rss, [sum(one.cpu_times()[:2]) for one in (worker, own)]
    began, sent = time.monotonic(), scene.provider.count
    while (left := seconds - (time.monotonic() - began)) > 0:
        await asyncio.sleep(min(left, READ_EVERY_SECONDS))
        await read_all(made)
    spent, sent = time.monotonic() - began, scene.provider.count - sent
    worked, generated = (
        (sum(one.cpu_times()[:2]) - before) / spent for one, before in zip((worker, own), cpu, strict=True)
    )
    delays.cancel()
    return Costs(spent, worked, generated, (worker.memory_info().rss - memory) / MIB, await delays), sent


def _row(made: Sequence[Listener], costs: Costs, sent: int) -> list[str]:
    lags = sorted(lag for listener in made for lag in listener.lags)
    current = sum(max(listener.lags, default=float("inf")) <= CURRENT for listener in made)
    return [
        f"{len(lags) / costs.seconds:,.0f}",
        f"{len(lags) / (sent * len(made)):.1%}",
        *(f"{lags[int(len(lags) * part)]:.3f} s" for part in (0.5, 0.99)),
        f"{lags[-1]:.3f} s",
        f"{current} of {len(made)}",
        f"{costs.worker:.1%}",
        f"{costs.generator:.1%}",
        f"{costs.delay:.3f} s",
        f"{costs.grown:.1f} MiB",
    ]


async def _own_delays() -> float:
    longest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began - 0.01)
    return longest


async def _answers(url: str) -> dict[str, float]:
    """Answers a second in a closed loop, cached and uncached, and the p95 of cached ones at a fixed rate."""
    found = {}
    for name, headers in (("cached", {}), ("uncached", FRESH)):
        ask = partial(wrk.run, url, PATHS, connections=CONNECTIONS, seconds=BESIDE_SECONDS, headers=headers)
        found[f"{name}, closed loop, answers a second"] = (await asyncio.to_thread(ask)).rate
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        outcomes, seconds = await asyncio.get_running_loop().run_in_executor(other, _at_fixed_rate, url)
    found[f"cached, {OPEN_RATE:.0f} a second asked, answers a second"] = len(outcomes.seconds) / seconds
    found[f"cached, {OPEN_RATE:.0f} a second asked, p50 in ms"] = 1000 * outcomes.quantile(0.5)
    found[f"cached, {OPEN_RATE:.0f} a second asked, p95 in ms"] = 1000 * outcomes.quantile(0.95)
    return found


def _at_fixed_rate(url: str) -> tuple[Outcomes, float]:
    began = time.monotonic()
    outcomes = uvloop.run(open_loop(url, PATHS, OPEN_RATE, BESIDE_SECONDS))
    return outcomes, time.monotonic() - began
