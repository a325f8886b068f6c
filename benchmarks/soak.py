"""Whether anything grows: memory, file descriptors, threads, metric series and disk while everything is on.

`python -m benchmarks.soak --minutes 60` starts the service, keeps asking it, retrains a ticker every minute so that
models swap, with a shadow beside them and clients of both streams, lets answers expire, and has its provider of real
prices refuse; it writes `soak.csv` and `soak.png`.
"""

import asyncio
import csv
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import aiohttp
import click
import psutil
from rich.console import Console
from rich.progress import track

from benchmarks.faults import load
from benchmarks.load import TIMEOUT, Outcomes
from benchmarks.servers import Server, ours
from serving.monitoring.process_memory import MIB

SAMPLE_SECONDS = 10.0
RETRAIN_EVERY_SAMPLES = 6
CONNECTIONS = 8
# A service that has idle moments, as most have; what leaks, leaks by requests and by time.
REQUESTS_PER_SECOND = 100.0
PAUSE = CONNECTIONS / REQUESTS_PER_SECOND
GIVEN = {
    "STOCKS_TICKERS": '["AAPL", "MSFT", "NVDA", "TSLA"]',
    "STOCKS_HORIZONS": "[1]",
    "STOCKS_MARKET__PROVIDERS": '["tiingo", "simulated"]',
    "STOCKS_MARKET__TIINGO__BASE_URL": "http://127.0.0.1:9",  # nobody listens there: it refuses
    "TIINGO_API_KEY": "none-that-is-one",
    "STOCKS_CACHE__MEMORY_TTL": "5",
    "STOCKS_TRAINING__ON_START": "true",
    "STOCKS_TRAINING__RECIPES_TRIED": '["forest", "linear"]',
    "STOCKS_SERVING__EXPERIMENTS": '[{"name": "beside", "challenger": "linear"}]',
}
STREAMS = ("/events", "/stream/predictions?tickers=AAPL,MSFT,NVDA,TSLA&horizon=1")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the processes that serve, and their disk, take at one moment."""

    minutes: float
    memory_mb: float
    descriptors: int
    threads: int
    series: int
    disk_mb: float


async def sample(server: Server, home: Path, began: float) -> Sample:
    """Measure now."""
    memory = await asyncio.to_thread(server.memory_mb)
    serving = sum(size for role, size in memory.items() if role != "trainer")
    descriptors = threads = 0
    for process in psutil.Process(server.process.pid).children(recursive=True):
        with suppress(psutil.Error):
            if "training.worker.process" not in process.cmdline():
                descriptors, threads = descriptors + process.num_fds(), threads + process.num_threads()
    async with aiohttp.ClientSession(server.url, timeout=TIMEOUT) as session, session.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    series = sum(not line.startswith("#") for line in lines)
    disk = await asyncio.to_thread(_disk_mb, home)
    minutes = (time.monotonic() - began) / 60
    return Sample(minutes, serving, descriptors, threads, series, disk)


def _disk_mb(home: Path) -> float:
    size = 0
    for path in home.rglob("*"):
        with suppress(OSError):  # a model may be replaced meanwhile
            size += path.stat().st_size if path.is_file() else 0
    return size / MIB


async def retrain(url: str, number: int) -> None:
    """Ask for a training of one ticker after the other."""
    ticker = ("AAPL", "MSFT", "NVDA", "TSLA")[number % 4]
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session, session.post(f"/model/retrain/{ticker}"):
        pass


async def follow(url: str, path: str, until: float) -> None:
    """Be a client of a stream of events."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    while time.monotonic() < until:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.ClientSession(url, timeout=timeout) as session, session.get(path) as answer:
                async for _ in answer.content:
                    if time.monotonic() > until:
                        return


async def soak(server: Server, home: Path, minutes: float) -> tuple[list[Sample], Outcomes]:
    """Load the service for so long and measure it every SAMPLE_SECONDS."""
    outcomes, began = Outcomes(), time.monotonic()
    ends = began + 60 * minutes
    background = [
        asyncio.create_task(load(server.url, CONNECTIONS, lambda: time.monotonic() > ends, outcomes, PAUSE)),
        *(asyncio.create_task(follow(server.url, path, ends)) for path in STREAMS),
    ]
    samples = []
    for number in track(range(int(60 * minutes / SAMPLE_SECONDS)), "soak"):
        await asyncio.sleep(SAMPLE_SECONDS)
        if number % RETRAIN_EVERY_SAMPLES == 0:
            await retrain(server.url, number // RETRAIN_EVERY_SAMPLES)
        samples.append(await sample(server, home, began))
    await asyncio.wait(background, timeout=60)
    return samples, outcomes


def write(samples: Sequence[Sample], folder: Path) -> None:
    """The samples as a table and as a picture."""
    import matplotlib as mpl  # noqa: PLC0415  # only here

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = [field.name for field in fields(Sample)]
    with (folder / "soak.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerows(astuple(one) for one in samples)
    figure, axes = plt.subplots(len(names) - 1, 1, sharex=True, figsize=(8, 10))
    for axis, name in zip(axes, names[1:], strict=True):
        axis.plot([one.minutes for one in samples], [asdict(one)[name] for one in samples])
        axis.set_ylabel(name.replace("_", " "))
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("minutes")
    figure.savefig(folder / "soak.png", dpi=100, bbox_inches="tight")


@click.command(help=__doc__)
@click.option("--minutes", default=60.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("var"), show_default=True)
def main(minutes: float, out: Path) -> None:
    """Print the first and the last quarter side by side."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stocks-soak-") as home, ours(Path(home), **GIVEN) as server:
        samples, outcomes = asyncio.run(soak(server, Path(home), minutes))
    write(samples, out)
    console, quarter = Console(), max(len(samples) // 4, 1)
    console.print(f"{outcomes.count} requests, {outcomes.errors} errors; {out / 'soak.csv'}, {out / 'soak.png'}")
    for name in [field.name for field in fields(Sample)][1:]:
        second = [float(asdict(one)[name]) for one in samples[quarter : 2 * quarter]] or [0.0]
        last = [float(asdict(one)[name]) for one in samples[-quarter:]]
        console.print(
            f"{name}: {sum(second) / len(second):.1f} in the second quarter, {sum(last) / len(last):.1f} last"
        )


if __name__ == "__main__":
    main()
