"""Many tickers, made from the trained ones by renaming: start, warm-up, memory, and all of them in one request."""

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.servers import ours, wait_warm
from forecasting.card import CARD_FILE, FOREST_FILE
from forecasting.model_store import LATEST_FILE

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
        tickers = _multiply(home, bars, work, count)
        settings = {
            "STOCKS_TICKERS": json.dumps(tickers),
            "STOCKS_HORIZONS": "[1]",
            "STOCKS_MARKET__PROVIDERS": '["files"]',
            "STOCKS_MARKET__FILES__DIRECTORY": str(work / "bars"),
        }
        with ours(work / "home", **settings) as server:
            warm = wait_warm(server)
            first, *others = (1000 * seconds for seconds in asyncio.run(_many(server.url, tickers)))
            p95 = statistics.quantiles(others, n=20)[-1]
            return Scale(count, server.started, warm, server.memory_mb(), first, p95)


def _multiply(home: Path, bars: Path, work: Path, count: int) -> list[str]:
    """Copies of models and bars under invented names; the names."""
    models = sorted((home / "bentoml" / "models").glob("forest-*-1"))
    (work / "bars").mkdir()
    shutil.copytree(home / "calendar", work / "home" / "calendar")
    tickers = [f"T{number}" for number in range(count)]
    for number, ticker in enumerate(tickers):
        model = models[number % len(models)]
        original = model.name.split("-")[1].upper()
        version = (model / LATEST_FILE).read_text(encoding="utf-8").strip()
        target = work / "home" / "bentoml" / "models" / f"forest-{ticker.lower()}-1"
        (target / version).mkdir(parents=True)
        card = json.loads((model / version / CARD_FILE).read_bytes()) | {"ticker": ticker}
        (target / version / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")
        shutil.copy(model / version / FOREST_FILE, target / version / FOREST_FILE)
        (target / LATEST_FILE).write_text(version, encoding="utf-8")
        shutil.copy(bars / f"{original}.csv", work / "bars" / f"{ticker}.csv")
    return tickers


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
