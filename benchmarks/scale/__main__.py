"""Many tickers, made from the trained ones by renaming: start, first answers, status routes, memory, ten beside them.

`python -m benchmarks.scale --home HOME --bars DIRECTORY --tickers 5000` serves thousands beside ten, all renamed from
the trained ones, and prints what they cost: the first answers while models are tried, the status routes; then, when
every ticker was answered and every model tried, answers from memory and computed ones with the ratio of their 95th
percentiles, what both services take of a processor while nobody asks, and memory. Answers from memory were made a
moment before they are asked for; those that are computed are of tickers that nobody asked for lately. Of the forests
500 are different files, the others are copies of them; `--different` says how many. `--folder` keeps what is prepared.
`--start-only` leaves out what takes long with 20,000 tickers.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import click

from benchmarks.scale.tickers import DIFFERENT, multiply, serving
from benchmarks.servers import Server

FIRST_SECONDS, PAUSE_SECONDS = 20.0, 0.05
IN_ONE_REQUEST = 500
AT_A_TIME, CACHED_ROUNDS, COMPUTED_ROUNDS = 250, 8, 4
IDLE_SECONDS = 20.0
TEN = 10
OK = 200
FRESH = {"cache-control": "no-cache"}
UNLIMITED = aiohttp.ClientTimeout()
STATUS = (
    "/health",
    "/warmup/status",
    "/performance/metrics",
    "/performance/summary",
    "/metrics",
    "/track-record",
    "/tickers",
)


async def _first(session: aiohttp.ClientSession, tickers: list[str]) -> str:
    """Random tickers one after the other, from the moment that the service is ready."""
    chosen, times, failed = random.Random(1), [], 0  # noqa: S311  # no secret
    until = time.perf_counter() + FIRST_SECONDS
    while time.perf_counter() < until:
        seconds, status = await _timed(session, f"/predict/{chosen.choice(tickers)}")
        times.append(seconds)
        failed += status != OK
        await asyncio.sleep(PAUSE_SECONDS)
    return f"first answers: {len(times)}, failed {failed}, {_milliseconds(times)}, longest {1000 * max(times):.0f} ms"


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


async def _start(many: Server, tickers: list[str]) -> None:
    """Print how it begins, until every model was tried, and how random tickers are answered then."""
    async with aiohttp.ClientSession(many.url, timeout=UNLIMITED) as session:
        click.echo(await _first(session, tickers))
        click.echo(f"status while it warms up: {await _status(session)}")
        await _tried(session, len(tickers))
        click.echo(f"when every model was tried, {await _first(session, tickers)}")
        click.echo(f"status: {await _status(session)}")
        click.echo(await _idle(many))
    click.echo(_memory(many))


async def _side_by_side(many: Server, few: Server, tickers: list[str], trained: list[str]) -> None:
    """Print how the two compare; requests to them alternate, so that noise strikes both alike."""
    async with (
        aiohttp.ClientSession(many.url, timeout=UNLIMITED) as session,
        aiohttp.ClientSession(few.url, timeout=UNLIMITED) as other,
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
    click.echo(_memory(many))


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
    return "while nobody asks, of a processor: " + "; the ten: ".join(f"{100 * share:.1f} %" for share in shares)


def _memory(server: Server) -> str:
    memory = server.memory_mb()
    return f"memory: {sum(memory.values()):.0f} MiB, " + ", ".join(f"{k} {v:.0f}" for k, v in memory.items())


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
@click.option("--start-only", is_flag=True, help="Without the ten, and without an answer for every ticker.")
def main(home: Path, bars: Path, count: int, different: int, folder: Path | None, *, start_only: bool) -> None:
    """Serve both and compare."""
    with tempfile.TemporaryDirectory() as removed:
        work = folder or Path(removed)
        one, other = work / f"{count}-{different}", work / "ten"
        tickers = multiply(home, bars, one, count, different)
        if start_only:
            with serving(one, tickers) as many:
                click.echo(f"{count} tickers ready after {many.started:.1f} s")
                asyncio.run(_start(many, tickers))
            return
        trained = multiply(home, bars, other, TEN, TEN)
        with serving(other, trained) as few, serving(one, tickers) as many:
            click.echo(f"{count} tickers ready after {many.started:.1f} s, ten after {few.started:.1f} s")
            asyncio.run(_side_by_side(many, few, tickers, trained))


if __name__ == "__main__":
    main()
