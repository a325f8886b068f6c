"""Many tickers, made from the trained ones by renaming: start, warm-up, memory, and all of them in one request.

`python -m benchmarks.scale --home HOME --bars DIRECTORY --tickers 5000` serves thousands beside the ten that they are
made from, and prints what each costs: the first answers while models are tried, the status routes, computed answers.
"""

import asyncio
import json
import random
import shutil
import statistics
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click

from benchmarks.servers import Server, ours, wait_warm
from forecasting.card import CARD_FILE, FOREST_FILE
from forecasting.model_store import LATEST_FILE

REPEATS = 20
FIRST_SECONDS, PAUSE_SECONDS = 20.0, 0.05
IN_ONE_REQUEST = 500
COMPUTED = 300
OK = 200
FRESH = {"cache-control": "no-cache"}
STATUS = ("/health", "/warmup/status", "/performance/metrics", "/performance/summary", "/metrics", "/track-record")


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
        with _serving(work, tickers) as server:
            warm = wait_warm(server)
            first, *others = (1000 * seconds for seconds in asyncio.run(_many(server.url, tickers)))
            p95 = statistics.quantiles(others, n=20)[-1]
            return Scale(count, server.started, warm, server.memory_mb(), first, p95)


def _serving(work: Path, tickers: list[str]) -> AbstractContextManager[Server]:
    settings = {
        "STOCKS_TICKERS": json.dumps(tickers),
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(work / "bars"),
    }
    return ours(work / "home", **settings)


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


async def _first(session: aiohttp.ClientSession, tickers: list[str]) -> str:
    """Random tickers one after the other, from the moment that the service is ready."""
    chosen, times, failed = random.Random(1), [], 0  # noqa: S311  # no secret
    until = time.perf_counter() + FIRST_SECONDS
    while time.perf_counter() < until:
        seconds, status = await _timed(session, f"/predict/{chosen.choice(tickers)}")
        times.append(seconds)
        failed += status != OK
        await asyncio.sleep(PAUSE_SECONDS)
    return f"first answers: {len(times)}, failed {failed}, {_milliseconds(times)}"


async def _timed(session: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None) -> tuple[float, int]:
    began = time.perf_counter()
    async with session.get(path, headers=headers) as answer:
        await answer.read()
        return time.perf_counter() - began, answer.status


async def _status(session: aiohttp.ClientSession) -> str:
    parts = []
    for path in STATUS:
        began = time.perf_counter()
        async with session.get(path) as answer:
            size = len(await answer.read())
        parts.append(f"{path} {time.perf_counter() - began:.2f} s {size / 1000:.0f} kB")
    return ", ".join(parts)


async def _answer_all(session: aiohttp.ClientSession, tickers: list[str]) -> None:
    """Ask until every ticker was answered; what one request did not answer in time is asked for again."""
    left = tickers
    while left:
        async with session.post("/predict", json={"tickers": left[:IN_ONE_REQUEST]}) as answer:
            found = {one["ticker"] for one in (await answer.json())["predictions"]}
        left = [ticker for ticker in left if ticker not in found]


async def _side_by_side(many: Server, few: Server, tickers: list[str], trained: list[str]) -> None:
    """Print how the two compare; requests to them alternate, so that noise strikes both alike."""
    async with aiohttp.ClientSession(many.url) as session, aiohttp.ClientSession(few.url) as other:
        click.echo(await _first(session, tickers))
        click.echo(f"status while it warms up: {await _status(session)}")
        await _answer_all(session, tickers)
        click.echo(f"status when all were answered: {await _status(session)}")
        chosen = random.Random(2)  # noqa: S311  # no secret
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(COMPUTED):
            for one, of, found in ((session, tickers, times[0]), (other, trained, times[1])):
                found.append((await _timed(one, f"/predict/{chosen.choice(of)}", FRESH))[0])
        click.echo(f"computed answers: {_milliseconds(times[0])}; of the ten: {_milliseconds(times[1])}")
    memory = many.memory_mb()
    click.echo(f"memory: {sum(memory.values()):.0f} MiB, " + ", ".join(f"{k} {v:.0f}" for k, v in memory.items()))


def _milliseconds(times: list[float]) -> str:
    return f"median {1000 * statistics.median(times):.1f} ms, p95 {1000 * statistics.quantiles(times, n=20)[-1]:.1f} ms"


@click.command(help=__doc__)
@click.option("--home", required=True, type=click.Path(exists=True, path_type=Path), help="With the trained models.")
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tickers", "count", default=5000, show_default=True)
def main(home: Path, bars: Path, count: int) -> None:
    """Serve both and compare."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        tickers, trained = _multiply(home, bars, Path(one), count), _multiply(home, bars, Path(other), 10)
        with _serving(Path(other), trained) as few, _serving(Path(one), tickers) as many:
            click.echo(f"{count} tickers ready after {many.started:.1f} s, ten after {few.started:.1f} s")
            asyncio.run(_side_by_side(many, few, tickers, trained))


if __name__ == "__main__":
    main()
