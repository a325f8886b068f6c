"""Ask a running service and say whether it is fast enough.

`python -m benchmarks.load --url http://127.0.0.1:3000 --concurrent 20 --prediction-requests 50`
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import click
import numpy as np
from rich.console import Console
from rich.table import Table

HEALTH_P95, PREDICTION_P95, ERRORS = 0.020, 0.100, 0.01
HEALTH_REQUESTS = 200
TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass
class Outcomes:
    """What requests of one kind took and came to."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def count(self) -> int:
        """Requests, failed ones included."""
        return len(self.seconds) + self.errors

    def quantile(self, fraction: float) -> float:
        """Seconds; infinite when nothing was answered."""
        return float(np.quantile(self.seconds, fraction)) if self.seconds else float("inf")

    @property
    def error_rate(self) -> float:
        """Fraction of all requests; 1 without any."""
        return self.errors / self.count if self.count else 1.0


async def ask(session: aiohttp.ClientSession, path: str, outcomes: Outcomes, since: float | None = None) -> None:
    """One request; `since` is when it should have been sent, on the clock of `perf_counter`."""
    started = time.perf_counter() if since is None else since
    try:
        async with session.get(path) as answer:
            await answer.read()
            right = answer.status == 200  # noqa: PLR2004  # OK
    except (aiohttp.ClientError, TimeoutError, OSError):
        right = False
    if right:
        outcomes.seconds.append(time.perf_counter() - started)
    else:
        outcomes.errors += 1


async def closed_loop(url: str, paths: Sequence[str], users: int, each: int) -> Outcomes:
    """`users` at once, each asks `each` times, one request after the other."""
    outcomes = Outcomes()
    async with aiohttp.ClientSession(url, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def user(number: int) -> None:
            for step in range(each):
                await ask(session, paths[(number + step) % len(paths)], outcomes)

        await asyncio.gather(*(user(number) for number in range(users)))
    return outcomes


async def open_loop(url: str, paths: Sequence[str], rate: float, seconds: float) -> Outcomes:
    """`rate` requests a second, whether the ones before were answered or not; times count from when one was due."""
    outcomes = Outcomes()
    async with aiohttp.ClientSession(url, timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        sent: set[asyncio.Task[None]] = set()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(ask(session, paths[number % len(paths)], outcomes, due))
            sent.add(task)
            task.add_done_callback(sent.discard)
        await asyncio.gather(*sent)
    return outcomes


async def tickers_of(url: str) -> list[str]:
    """What can be asked for."""
    async with aiohttp.ClientSession(url, timeout=TIMEOUT) as session, session.get("/tickers") as answer:
        return [one["ticker"] for one in await answer.json()]


def verdict(health: Outcomes, predictions: Outcomes, console: Console) -> bool:
    """Print the table; whether everything passed."""
    table = Table("", "requests", "p50 ms", "p95 ms", "p99 ms", "errors", "asked", "")
    passed = True
    for name, outcomes, limit in (("health", health, HEALTH_P95), ("predictions", predictions, PREDICTION_P95)):
        good = outcomes.quantile(0.95) < limit and outcomes.error_rate < ERRORS
        passed &= good
        times = (f"{1000 * outcomes.quantile(fraction):.1f}" for fraction in (0.5, 0.95, 0.99))
        asked = f"p95 < {1000 * limit:.0f} ms, errors < {ERRORS:.0%}"
        mark = "[green]pass" if good else "[red]FAIL"
        table.add_row(name, str(outcomes.count), *times, f"{outcomes.error_rate:.2%}", asked, mark)
    console.print(table)
    return passed


@click.command(help="Ask a running service and say whether it is fast enough.")
@click.option("--url", default="http://127.0.0.1:3000", show_default=True)
@click.option("--concurrent", default=20, show_default=True, help="Users at once.")
@click.option("--prediction-requests", default=50, show_default=True, help="Predictions that each user asks for.")
def main(url: str, concurrent: int, prediction_requests: int) -> None:
    """Exit status 0 only when everything passed."""
    try:
        paths = [f"/predict/{ticker}" for ticker in asyncio.run(tickers_of(url))]
        health = asyncio.run(closed_loop(url, ["/health"], 1, HEALTH_REQUESTS))
        predictions = asyncio.run(closed_loop(url, paths, concurrent, prediction_requests))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise click.ClickException(f"{url}: {error}; is the service running there?") from None
    sys.exit(0 if verdict(health, predictions, Console()) else 1)


if __name__ == "__main__":
    main()
