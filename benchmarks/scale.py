"""Many tickers, made from the trained ones by renaming: start, first answers, status routes, memory, ten beside them.

`python -m benchmarks.scale --home HOME --bars DIRECTORY --tickers 5000` serves thousands beside ten, all renamed from
the trained ones, and prints what they cost: the first answers while models are tried, the status routes; then, when
every ticker was answered and every model tried, answers from memory and computed ones with the ratio of their 95th
percentiles, what both services take of a processor while nobody asks, and memory. Answers from memory were made a
moment before they are asked for; those that are computed are of tickers that nobody asked for lately. Of the forests
500 are different files, the others are copies of them; `--different` says how many. `--folder` keeps what is prepared.
"""

import asyncio
import hashlib
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import click
import onnx

from benchmarks.servers import Server, ours, wait_warm
from forecasting.card import CARD_FILE, FOREST_FILE
from forecasting.model_store import LATEST_FILE

REPEATS = 20
FIRST_SECONDS, PAUSE_SECONDS = 20.0, 0.05
IN_ONE_REQUEST = 500
AT_A_TIME, CACHED_ROUNDS, COMPUTED_ROUNDS = 250, 8, 4
IDLE_SECONDS = 20.0
DIFFERENT, TEN = 500, 10
PREPARED = "prepared"
OK = 200
FRESH = {"cache-control": "no-cache"}
STATUS = (
    "/health",
    "/warmup/status",
    "/performance/metrics",
    "/performance/summary",
    "/metrics",
    "/track-record",
    "/tickers",
)


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
        tickers = _multiply(home, bars, work, count, DIFFERENT)
        with _serving(work, tickers) as server:
            warm = wait_warm(server)
            first, *others = (1000 * seconds for seconds in asyncio.run(_many(server.url, tickers)))
            p95 = statistics.quantiles(others, n=20)[-1]
            return Scale(count, server.started, warm, server.memory_mb(), first, p95)


def _serving(work: Path, tickers: list[str]) -> AbstractContextManager[Server]:
    settings = {
        "STOCKS_CONFIGURATION": str(_configuration(work, tickers)),
        "STOCKS_HORIZONS": "[1]",
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(work / "bars"),
    }
    return ours(work / "home", **settings)


def _configuration(work: Path, tickers: list[str]) -> Path:
    """A file that names the tickers: of 20,000 a variable of the environment does not take the names."""
    path = work / "configuration.yaml"
    path.write_text(f"tickers: {json.dumps(tickers)}\n", encoding="utf-8")
    return path


def _multiply(home: Path, bars: Path, work: Path, count: int, different: int) -> list[str]:
    """Copies of models and bars under invented names, unless they are there from an earlier time; the names."""
    tickers = [f"T{number}" for number in range(count)]
    if (work / PREPARED).exists():
        return tickers
    models = sorted((home / "bentoml" / "models").glob("forest-*-1"))
    (work / "bars").mkdir(parents=True)
    shutil.copytree(home / "calendar", work / "home" / "calendar")
    for number, ticker in enumerate(tickers):
        model = models[number % different % len(models)]
        original = model.name.split("-")[1].upper()
        version = (model / LATEST_FILE).read_text(encoding="utf-8").strip()
        target = work / "home" / "bentoml" / "models" / f"forest-{ticker.lower()}-1"
        (target / version).mkdir(parents=True)
        forest = _marked((model / version / FOREST_FILE).read_bytes(), number % different)
        told = {"ticker": ticker, "forest_sha256": hashlib.sha256(forest).hexdigest()}
        card = json.loads((model / version / CARD_FILE).read_bytes()) | told
        (target / version / CARD_FILE).write_text(json.dumps(card), encoding="utf-8")
        (target / version / FOREST_FILE).write_bytes(forest)
        (target / LATEST_FILE).write_text(version, encoding="utf-8")
        shutil.copy(bars / f"{original}.csv", work / "bars" / f"{ticker}.csv")
    (work / PREPARED).touch()
    return tickers


def _marked(forest: bytes, number: int) -> bytes:
    """The same forest as a file of its own: the service shares what is the same to the last bit."""
    model = onnx.load_model_from_string(forest)
    model.doc_string = f"forest {number}"
    return bytes(model.SerializeToString(deterministic=True))


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


async def _tried(session: aiohttp.ClientSession, count: int) -> None:
    """Wait until every model was tried, so that what is measured then is no start any more."""
    while True:
        async with session.get("/warmup/status") as answer:
            if (await answer.json())["models_loaded"] >= count:
                return
        await asyncio.sleep(1)


async def _side_by_side(many: Server, few: Server, tickers: list[str], trained: list[str]) -> None:
    """Print how the two compare; requests to them alternate, so that noise strikes both alike."""
    unlimited = aiohttp.ClientTimeout()
    async with (
        aiohttp.ClientSession(many.url, timeout=unlimited) as session,
        aiohttp.ClientSession(few.url, timeout=unlimited) as other,
    ):
        click.echo(await _first(session, tickers))
        click.echo(f"status while it warms up: {await _status(session)}")
        await _answer_all(session, tickers)
        await _tried(session, len(tickers))
        click.echo(f"status when all were answered: {await _status(session)}")
        services = (session, tickers), (other, trained)
        for name, rounds, headers in (("cached", CACHED_ROUNDS, {}), ("computed", COMPUTED_ROUNDS, FRESH)):
            times = await _in_turns(services, rounds, headers)
            ratio = _p95(times[0]) / _p95(times[1])
            click.echo(f"{name}: {_milliseconds(times[0])}; of the ten: {_milliseconds(times[1])}; {ratio:.2f} times")
        click.echo(await _idle(many, few))
    memory = many.memory_mb()
    click.echo(f"memory: {sum(memory.values()):.0f} MiB, " + ", ".join(f"{k} {v:.0f}" for k, v in memory.items()))


async def _in_turns(
    services: Sequence[tuple[aiohttp.ClientSession, list[str]]], rounds: int, headers: dict[str, str]
) -> list[list[float]]:
    """Seconds of each service's answers for random tickers of its own; cached ones were answered a moment before."""
    chosen, times = random.Random(2), [list[float]() for _ in services]  # noqa: S311  # no secret
    for _ in range(rounds):
        asked = [chosen.sample(tickers, min(AT_A_TIME, len(tickers))) for _, tickers in services]
        for (session, _), own in zip(services, asked, strict=True):
            if not headers:
                await _answer_all(session, own)
        for place in range(AT_A_TIME):
            for (session, _), own, found in zip(services, asked, times, strict=True):
                found.append((await _timed(session, f"/predict/{own[place % len(own)]}", headers))[0])
    return times


async def _idle(*servers: Server) -> str:
    """Share of a processor that each service takes while nobody asks."""
    before = [server.processor_seconds() for server in servers]
    await asyncio.sleep(IDLE_SECONDS)
    shares = [(server.processor_seconds() - one) / IDLE_SECONDS for server, one in zip(servers, before, strict=True)]
    return f"while nobody asks: {100 * shares[0]:.1f} % of a processor; the ten {100 * shares[1]:.1f} %"


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _milliseconds(times: list[float]) -> str:
    return f"median {1000 * statistics.median(times):.1f} ms, p95 {1000 * _p95(times):.1f} ms"


@click.command(help=__doc__)
@click.option("--home", required=True, type=click.Path(exists=True, path_type=Path), help="With the trained models.")
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tickers", "count", default=5000, show_default=True)
@click.option("--different", default=DIFFERENT, show_default=True, help="Forests that are files of their own.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Kept for the next time.")
def main(home: Path, bars: Path, count: int, different: int, folder: Path | None) -> None:
    """Serve both and compare."""
    with tempfile.TemporaryDirectory() as removed:
        work = folder or Path(removed)
        one, other = work / f"{count}-{different}", work / "ten"
        tickers, trained = _multiply(home, bars, one, count, different), _multiply(home, bars, other, TEN, TEN)
        with _serving(other, trained) as few, _serving(one, tickers) as many:
            click.echo(f"{count} tickers ready after {many.started:.1f} s, ten after {few.started:.1f} s")
            asyncio.run(_side_by_side(many, few, tickers, trained))


if __name__ == "__main__":
    main()
