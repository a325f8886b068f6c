"""All tickers in one request, again and again."""

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.scale.tickers import DIFFERENT, multiply, serving
from benchmarks.servers import wait_warm

REPEATS = 20


@dataclass(frozen=True, slots=True)
class Scale:
    """How it went with so many tickers.

    Attributes:
        ready, warm: seconds from the start.
        memory_mb: proportional set size of each role's processes, MiB.
        first, many_p95: milliseconds of POST /predict with all of them, the first time and afterwards.
    """

    tickers: int
    ready: float
    warm: float
    memory_mb: dict[str, float]
    first: float
    many_p95: float


def run(home: Path, bars: Path, count: int) -> Scale:
    """Serve `count` tickers from a directory that is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tickers = multiply(home, bars, work, count, DIFFERENT)
        with serving(work, tickers) as server:
            warm = wait_warm(server)
            first, *others = (1000 * seconds for seconds in asyncio.run(_many(server.url, tickers)))
            p95 = statistics.quantiles(others, n=20)[-1]
            return Scale(count, server.started, warm, server.memory_mb(), first, p95)


async def _many(url: str, tickers: list[str]) -> list[float]:
    """Seconds of each POST /predict; of horizon 1, which the warm-up has asked for."""
    times = []
    async with aiohttp.ClientSession(url) as session:
        for _ in range(REPEATS):
            began = time.perf_counter()
            async with session.post("/predict", json={"tickers": tickers}) as answer:
                found = await answer.json()
            if len(found["predictions"]) != len(tickers):
                raise RuntimeError(f"{len(found['problems'])} of {len(tickers)} tickers had no answer")
            times.append(time.perf_counter() - began)
    return times
