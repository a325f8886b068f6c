"""What a dead first provider costs: `python -m benchmarks.providers [--timeout 1] [--runs 5]`.

Ten tickers are asked for their quote and bars, one after the other, in a market that has just been opened. The first
provider of the chain is dead: it accepts connections and never answers, or refuses them. What stands in is a live
provider, invented prices, or what the history store holds. Local servers play both; everything ends with the program.
"""

import asyncio
import json
import logging
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import stamina
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from concurrency.process_turns import ProcessTurns
from configuration import AlphaVantage as AlphaVantageSettings
from configuration import Tiingo as TiingoSettings
from market.calendar.sessions import Sessions
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.alpha_vantage import AlphaVantage
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import LocalCounters, Quota
from market.providers.simulated import FIRST, Simulated, simulate
from market.providers.tiingo import Tiingo, parse_daily

TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM")
NEXT_LIMIT = 0.050  # seconds asked of each ticker after the first
TIMER = 0.050  # seconds that a machine may take to notice that a time-out is over
FROM_MEMORY = 2000  # calls that one figure is the median of
QUOTA = ("100000/day",)
KEY = SecretStr("benchmark")
FIGURES = ("first ticker", "its dead part", "next, median", "slowest", "its dead part")

Times = list[float]  # seconds of each ticker in its turn


@dataclass(frozen=True, slots=True)
class Case:
    """A chain of providers: what the first does, and what stands in for it."""

    first: str
    behind: str
    dead: str | None
    live: str | None
    stored: bool


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def refusing() -> Iterator[str]:
    """A URL that refuses connections, reserved for as long as it is used."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def alive(sessions: Sessions) -> Iterator[str]:
    """The URL of a server that answers as Tiingo does, with bars of all sessions since 2018."""
    daily = {ticker: daily_body(ticker, sessions) for ticker in TICKERS}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _, kind, *rest = self.path.partition("?")[0].split("/")
            body = quote_body(daily[rest[0]]) if kind == "iex" else daily[rest[1]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def daily_body(ticker: str, sessions: Sessions) -> bytes:
    """What Tiingo answers about a ticker's history."""
    bars = simulate(ticker, sessions.between(FIRST, sessions.last_complete(datetime.now(UTC))))
    names = ("open", "high", "low", "close", "volume", "adjClose")
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.close)
    rows = [
        {"date": f"{day}T00:00:00.000Z", **dict(zip(names, values, strict=True)), "divCash": 0.0, "splitFactor": 1.0}
        for day, *values in zip(bars.session, *(column.tolist() for column in columns), strict=True)
    ]
    return json.dumps(rows).encode()


def quote_body(daily: bytes) -> bytes:
    """What Tiingo answers about a price of this moment."""
    price = json.loads(daily[daily.rindex(b"{") : -1])["close"]
    return json.dumps([{"tngoLast": price, "timestamp": datetime.now(UTC).isoformat()}]).encode()


def open_market(home: Path, sessions: Sessions, timeout: float, dead: str | None, live: str | None) -> Market:
    """A market with the dead provider, then the live one, then invented prices."""
    providers = []
    if dead is not None:
        quota = Quota("alpha_vantage", QUOTA, [LocalCounters(home)])
        alpha = AlphaVantageSettings(base_url=f"{dead}/query", api_key=KEY, quota=QUOTA, premium=True)
        providers.append(
            LimitedProvider(
                AlphaVantage(alpha, quota, sessions, timeout), ProviderCircuitBreaker("alpha_vantage"), quota
            )
        )
    if live is not None:
        quota = Quota("tiingo", QUOTA, [LocalCounters(home)])
        tiingo = TiingoSettings(base_url=live, api_key=KEY, quota=QUOTA, stream_url="ws://localhost")
        providers.append(LimitedProvider(Tiingo(tiingo, quota, timeout), ProviderCircuitBreaker("tiingo"), quota))
    providers.append(LimitedProvider(Simulated(sessions)))
    turns = ProcessTurns(home / "turns", 10.0)
    return Market(providers, HistoryStore(home), sessions, history_ttl=86400, quote_ttl=300, turns=turns)


def fill(home: Path, sessions: Sessions) -> None:
    """Store bars of every ticker that are due to be fetched again."""
    store, before = HistoryStore(home), datetime.now(UTC) - timedelta(days=2)
    for ticker in TICKERS:
        store.replace(parse_daily(daily_body(ticker, sessions), ticker), before)


async def ask(market: Market) -> Times:
    """Quote and bars of one ticker after the other."""
    times = []
    for ticker in TICKERS:
        started = time.perf_counter()
        await market.quote(ticker)
        await market.history(ticker)
        times.append(time.perf_counter() - started)
    return times


async def from_memory(call: Callable[[str], Awaitable[object]]) -> list[float]:
    """Seconds of each of many calls about a ticker that is known."""
    times = []
    for number in range(FROM_MEMORY):
        started = time.perf_counter()
        await call(TICKERS[number % len(TICKERS)])
        times.append(time.perf_counter() - started)
    return times


@dataclass(frozen=True, slots=True)
class Place:
    """Where markets are opened, each in a directory of its own, and how."""

    directory: Path
    sessions: Sessions
    timeout: float

    @asynccontextmanager
    async def market(self, case: Case) -> AsyncIterator[Market]:
        """A market that has just been opened."""
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            home = Path(name)
            if case.stored:
                fill(home, self.sessions)
            market = open_market(home, self.sessions, self.timeout, case.dead, case.live)
            try:
                yield market
            finally:
                await market.close()

    async def cold(self, case: Case) -> Times:
        """One run of a case."""
        async with self.market(case) as market:
            return await ask(market)

    async def warm(self, case: Case) -> dict[str, float]:
        """Median seconds of calls about tickers that are in memory."""
        async with self.market(case) as market:
            await ask(market)
            calls = {"quote()": market.quote, "history()": market.history}
            return {name: statistics.median(await from_memory(call)) for name, call in calls.items()}


def cases(dead: dict[str, str | None], live: str) -> list[Case]:
    """Every first provider with everything that may stand in."""
    return [
        Case(first, behind, url, standing_in, stored)
        for behind, standing_in, stored in (
            ("invented", None, False),
            ("live", live, False),
            ("stored", None, True),
        )
        for first, url in dead.items()
    ]


def dead_table(measured: dict[Case, list[Times]], timeout: float) -> Table:
    """What each case costs in milliseconds, beside the same chain without its dead provider."""
    table = Table(
        Column("first", no_wrap=True),
        Column("behind", no_wrap=True),
        *(Column(each, justify="right") for each in FIGURES),
        "as asked",
    )
    alone = {case.behind: medians(runs) for case, runs in measured.items() if case.dead is None}
    for case, runs in measured.items():
        found, without = medians(runs), alone[case.behind]
        share = [one - other for one, other in zip(found, without, strict=True)]
        seconds = (found[0], share[0], statistics.median(found[1:]), max(found[1:]), max(share[1:]))
        reached = share[0] <= timeout + TIMER and max(share[1:]) < NEXT_LIMIT
        verdict = "" if case.dead is None else "yes" if reached else "no"
        table.add_row(case.first, case.behind, *(f"{each * 1000:.1f}" for each in seconds), verdict)
    return table


def medians(runs: list[Times]) -> list[float]:
    """Seconds of each ticker in its turn."""
    return [statistics.median(turn) for turn in zip(*runs, strict=True)]


@click.command(help="What a dead first provider costs, and what answers from memory cost.")
@click.option("--timeout", default=1.0, show_default=True, type=click.FloatRange(0.2, 10), help="Of a provider, s.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 20), help="Of each case.")
def main(timeout: float, runs: int) -> None:
    """Print the figures, in milliseconds."""
    errors, output = Console(stderr=True), Console()
    logging.disable()  # every failure here is wanted
    stamina.instrumentation.set_on_retry_hooks(())
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="providers-")))
        place = Place(directory, Sessions.open("XNYS", directory), timeout)
        dead = {"none": None, "silent": stack.enter_context(silent()), "refusing": stack.enter_context(refusing())}
        live = stack.enter_context(alive(place.sessions))
        every = cases(dead, live)
        turns = track(every * runs, "Asking", console=errors, disable=not errors.is_terminal, transient=True)
        measured: dict[Case, list[Times]] = {case: [] for case in every}
        for case in turns:
            measured[case].append(asyncio.run(place.cold(case)))
        warm = asyncio.run(place.warm(Case("none", "live", None, live, stored=False)))
    output.print(dead_table(measured, timeout))
    output.print(f"milliseconds, medians of {runs} runs; dead part: beyond the same chain without its dead provider")
    output.print(
        f"asked: at most the time-out of {timeout * 1000:.0f} for the first (and {TIMER * 1000:.0f} to notice it),"
        f" under {NEXT_LIMIT * 1000:.0f} for each other"
    )
    output.print("from memory: " + ", ".join(f"{name} {seconds * 1e6:.1f} us" for name, seconds in warm.items()))


if __name__ == "__main__":
    main()
