"""Size and speed of the history store: `python -m benchmarks.history [--tickers 500] [--years 20]`.

Generated bars go in ticker by ticker, then all come out again, then a tail is added to each. Everything happens in a
directory that is removed at the end.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from market.bars import Bars
from market.history.sqlite_store import HistoryStore
from market.series import Adjustment, Series

SESSIONS_A_YEAR = 252
TAIL = 6


def series(ticker: str, count: int) -> Series:
    """Made-up bars with the digits of real ones."""
    random = np.random.default_rng(sum(ticker.encode()))
    session = np.datetime64("2000-01-03") + np.arange(count)
    close = np.round(100 * np.exp(np.cumsum(0.01 * random.standard_normal(count))), 6)
    high, low = np.round(close * 1.01, 6), np.round(close * 0.99, 6)
    volume = np.round(1e7 * np.exp(random.standard_normal(count)))
    bars = Bars(ticker, "tiingo", session, close, high, low, close, volume)
    return Series(bars, Adjustment.TRADED, adj_close=close)


def timed(what: str, work: Callable[[str], object], tickers: Iterable[str], console: Console) -> list[float]:
    """Milliseconds for each ticker."""
    times = []
    for ticker in track(list(tickers), what, console=console, disable=not console.is_terminal, transient=True):
        started = time.perf_counter()
        work(ticker)
        times.append((time.perf_counter() - started) * 1000)
    return times


@click.command(help="Size and speed of the history store on generated bars.")
@click.option("--tickers", default=500, show_default=True, help="How many.")
@click.option("--years", default=20, show_default=True, help="Of each.")
def main(tickers: int, years: int) -> None:
    """Print a table."""
    console = Console(stderr=True)
    names = [f"T{number}" for number in range(tickers)]
    count = years * SESSIONS_A_YEAR
    table = Table(
        "step", "median ms a ticker", "slowest ms", "all, s", title=f"{tickers} tickers, {count} sessions each"
    )
    with tempfile.TemporaryDirectory(prefix="history-") as home:
        store, now = HistoryStore(Path(home)), datetime.now(UTC)
        whole = {name: series(name, count) for name in names}
        steps: dict[str, Callable[[str], object]] = {
            "store": lambda name: store.replace(whole[name], now),
            "load": store.read,
            "add a tail": lambda name: store.extend(_tail(whole[name]), now),
            "load again": store.read,
        }
        for what, work in steps.items():
            times = timed(what, work, names, console)
            table.add_row(what, f"{statistics.median(times):.1f}", f"{max(times):.1f}", f"{sum(times) / 1000:.1f}")
        size = sum(path.stat().st_size for path in Path(home).rglob("*"))
    Console().print(table)
    Console().print(f"{size / 2**20:.0f} MiB, {size / (tickers * count):.0f} bytes a bar")


def _tail(stored: Series) -> Series:
    bars, adj_close = stored.bars[-TAIL:], stored.adj_close
    return Series(bars, stored.adjustment, adj_close=None if adj_close is None else adj_close[-TAIL:])


if __name__ == "__main__":
    main()
