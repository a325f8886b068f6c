"""Predictions as prices come: how current every listener is, what that costs, and how soon it recovers from faults.

`python -m benchmarks.streams` starts a stand-in of Tiingo's stream that sends one price a second of each of ten
tickers, the service on an exchange that never closes, and 500 listeners to all ten; it prints how old the newest price
was when it arrived, and what the API worker took. `--seconds 600` shows whether memory grows. `--replay 390` plays the
minutes of a day, made from a daily bar, at a hundred times the speed. `--faults` kills the owner of the streams, takes
Redis away, and the provider.
"""

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.servers import RedisServer, Server, ours, redis_server, wait_warm
from benchmarks.serving import wrk
from benchmarks.streams.listeners import listeners, read_all, seen, until_streamed
from benchmarks.streams.stand_in import TICKERS, Provider, minute_prices, write_bars
from market.calendar.sessions import Sessions
from serving.monitoring.process_memory import MIB

EXCHANGE = "24/7"
REPLAY_SPEED = 100
MINUTE = 60.0
TTL, AFTERWARDS, GONE = 3.0, 12.0, 8.0  # seconds


@dataclass(frozen=True)
class Scene:
    """What is measured."""

    server: Server
    provider: Provider
    console: Console

    @property
    def workers(self) -> list[psutil.Process]:
        """The API workers."""
        family = psutil.Process(self.server.process.pid).children(recursive=True)
        marked = [one for one in family if "stock_prediction" in " ".join(one.cmdline())]
        return [one for one in marked if one.status() != psutil.STATUS_ZOMBIE]

    def owner(self) -> psutil.Process | None:
        """The worker that is connected to the provider, which listens in this process."""
        here = {each.laddr.port for each in psutil.Process().net_connections("tcp") if each.status == "LISTEN"}
        for worker in self.workers:
            if any(each.raddr and each.raddr.port in here for each in worker.net_connections("tcp")):
                return worker
        return None


async def load(scene: Scene, count: int, seconds: int, *, beside: bool) -> None:
    """How current `count` listeners are, and what it costs."""
    alone = await answers(scene.server.url) if beside else {}
    async with listeners(scene.server.url, count) as made:
        await asyncio.gather(*(until_streamed(listener) for listener in made))
        for listener in made:
            listener.lags.clear()
        worker = scene.workers[0]
        delays = asyncio.create_task(own_delays())
        cpu, memory = sum(worker.cpu_times()[:2]), worker.memory_info().rss
        began = time.monotonic()
        together = await answers(scene.server.url) if beside else {}
        while (left := seconds - (time.monotonic() - began)) > 0:
            await asyncio.sleep(min(left, 5))
            await read_all(made)
        spent = time.monotonic() - began
        share, grown = (sum(worker.cpu_times()[:2]) - cpu) / spent, worker.memory_info().rss - memory
        delays.cancel()
        own = await delays
        await read_all(made)
        lags = [lag for listener in made for lag in listener.lags]
        lasts = [max(listener.lags, default=float("inf")) for listener in made]
    table = Table(title=f"{count} listeners to {len(TICKERS)} tickers for {spent:.0f} s")
    for name in (
        "events a second",
        "lag p50",
        "p99",
        "longest",
        "listeners current within 1 s",
        "own delay",
        "CPU",
        "memory grew",
    ):
        table.add_column(name)
    ordered = statistics.quantiles(lags, n=100)
    current = sum(last <= 1 for last in lasts)
    table.add_row(
        *(f"{len(lags) / spent:,.0f}", f"{ordered[49]:.3f} s", f"{ordered[98]:.3f} s", f"{max(lags):.3f} s"),
        *(f"{current} of {count}", f"{own:.3f} s", f"{share:.0%} of a core", f"{grown / MIB:.1f} MiB"),
    )
    scene.console.print(table)
    for name, rate in together.items():
        scene.console.print(f"{name} predictions beside it: {rate:,.0f}/s, {rate / alone[name]:.0%} of those alone")


async def own_delays() -> float:
    """The longest that this process, with listeners and provider in it, was kept from running, until cancelled."""
    longest = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began - 0.01)
    return longest


async def answers(url: str) -> dict[str, float]:
    """Answers a second to requests that a cache may answer, and to those that it may not."""
    paths = [f"/predict/{ticker}" for ticker in TICKERS]
    found = {}
    for name, headers in (("cached", {}), ("uncached", {"Cache-Control": "no-cache"})):
        result = await asyncio.to_thread(wrk.run, url, paths, connections=8, seconds=5, headers=headers)
        found[name] = result.rate
    return found


async def replay(scene: Scene, minutes: int) -> None:
    """The minutes of a day at a hundred times their speed; every event holds a price that was sent, in their order."""
    generator = np.random.default_rng(20240308)
    for sent in scene.provider.sent.values():
        sent.clear()
    async with listeners(scene.server.url, 1) as (listener,):
        await asyncio.sleep(2)
        paths = {ticker: minute_prices(close, minutes, generator) for ticker, close in scene.provider.closes.items()}
        began = time.monotonic()
        for minute in range(minutes):
            for ticker, prices in paths.items():
                await scene.provider.send(ticker, prices[minute])
            await asyncio.sleep(max(0.0, began + (minute + 1) * MINUTE / REPLAY_SPEED - time.monotonic()))
        await asyncio.sleep(2)
        listener.read()
        arrived = {ticker: [each.price for each in seen] for ticker, seen in listener.prices.items()}
    in_order = sum(is_part_of(arrived[ticker][1:], sent) for ticker, sent in scene.provider.sent.items())
    last = sum(arrived[ticker][-1] == sent[-1] for ticker, sent in scene.provider.sent.items())
    events = sum(map(len, arrived.values()))
    scene.console.print(
        f"replay of {minutes} minutes: {minutes * len(TICKERS)} prices sent, {events} predictions arrived, "
        f"in order for {in_order} of {len(TICKERS)} tickers, the last price for {last}"
    )


def is_part_of(part: Sequence[float], whole: Sequence[float]) -> bool:
    """Whether `part` is left when some of `whole` is taken away."""
    rest = iter(whole)
    return all(value in rest for value in part)


async def faults(scene: Scene, redis: RedisServer, listening: AsyncExitStack, port: int) -> None:
    """What listeners see of each fault."""
    table = Table(title=f"Faults, two workers, 16 listeners, quotes live {TTL:g} s")
    for name in ("what fails", "longest pause between two prices", "streamed", "asked for", "old and unmarked"):
        table.add_column(name)

    @asynccontextmanager
    async def watched(name: str) -> AsyncIterator[None]:
        async with listeners(scene.server.url, 16) as made:
            await asyncio.gather(*(until_streamed(listener) for listener in made))
            began = time.time()
            yield
            await asyncio.sleep(AFTERWARDS)
            await read_all(made)
            table.add_row(name, *seen([listener for listener in made if not listener.ended], began, TTL))

    async with watched("the worker that owns the streams is killed"):
        if owner := scene.owner():
            owner.kill()
    async with watched("Redis is killed"):
        redis.kill()
    async with watched("Redis is back"):
        redis.start()
    async with watched(f"the provider is gone for {GONE:g} s"):
        await listening.aclose()
        await asyncio.sleep(GONE)
        await listening.enter_async_context(scene.provider.listening(port))
    scene.console.print(table)


async def measure(count: int, seconds: int, minutes: int, *, with_faults: bool, beside: bool) -> None:
    """Start everything, measure, end it."""
    console = Console(width=150)
    home = Path(tempfile.mkdtemp(prefix="stocks-streams-"))
    bars = home / "bars"
    bars.mkdir()
    provider = Provider(write_bars(bars, Sessions.open(EXCHANGE, home)))
    settings = {
        "STOCKS_EXCHANGE": EXCHANGE,
        "STOCKS_TICKERS": json.dumps(TICKERS),
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(bars),
        "STOCKS_MARKET__STREAMS": '["tiingo"]',
        "STOCKS_SERVING__MAX_STREAMS": "1000",
        "STOCKS_SERVING__MAX_CONCURRENCY": "2000",
        "TIINGO_API_KEY": "a-key-of-this-benchmark",
    }
    try:
        async with AsyncExitStack() as listening:
            port = await listening.enter_async_context(provider.listening())
            settings["STOCKS_MARKET__TIINGO__STREAM_URL"] = f"ws://127.0.0.1:{port}/"
            ticking = asyncio.create_task(provider.tick())
            if with_faults:
                more = {"STOCKS_SERVING__WORKERS": "2", "STOCKS_MARKET__QUOTE_TTL": str(TTL)}
                with redis_server() as redis, ours(home, **settings, **more, REDIS_URL=redis.url) as server:
                    await asyncio.to_thread(wait_warm, server)
                    await faults(Scene(server, provider, console), redis, listening, port)
                return
            with ours(home, **settings) as server:
                await asyncio.to_thread(wait_warm, server)
                scene = Scene(server, provider, console)
                if minutes:
                    ticking.cancel()
                    await replay(scene, minutes)
                else:
                    await load(scene, count, seconds, beside=beside)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@click.command()
@click.option("--listeners", "count", default=500, show_default=True, help="Clients, each to ten tickers.")
@click.option("--seconds", default=30, show_default=True, help="For which they are watched.")
@click.option("--replay", "minutes", default=0, help="Play so many minutes of a day at a hundred times the speed.")
@click.option("--faults", "with_faults", is_flag=True, help="Kill the owner of the streams, take Redis away.")
@click.option("--beside", is_flag=True, help="Ask for predictions besides, by wrk, and compare with no listeners.")
def main(count: int, seconds: int, minutes: int, *, with_faults: bool, beside: bool) -> None:
    """Measure streamed predictions."""
    uvloop.run(measure(count, seconds, minutes, with_faults=with_faults, beside=beside))


if __name__ == "__main__":
    main()
