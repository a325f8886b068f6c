"""Command line: `python -m market fetch`, `python -m market check FILE.csv`."""

import os
import signal
import sys

INTERRUPTED = 130


def _stop(*_: object) -> None:
    os.write(sys.stderr.fileno(), b"\nstopped\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _stop)  # the imports below take a second, in which nothing is begun

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
import stamina
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

import configuration
import logs
from market import terminal
from market.calendar.sessions import Sessions
from market.errors import InvalidBars, MarketError, NoPrices
from market.history.quality import inspect
from market.history.series_source import REMEDY
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.files import parse_csv


@click.group(help="Prices: fill the history store, check files of bars. Settings are those of the service.")
def main() -> None:
    """Group of the commands below."""


@main.command(
    short_help="Fill the history store.",
    help="Fetch the bars of all configured tickers, or of those named, into the history store under STOCKS_HOME."
    " Exit status 0 when every ticker has its bars, stored; 1 when one has not; 130 when it was interrupted.",
)
@click.option("--tickers", metavar="A,B", help="Comma separated, such as AAPL,MSFT; all configured ones without it.")
@click.option(
    "--again", is_flag=True, help="Fetch also what is stored and young; without it a run goes on where one ended."
)
def fetch(tickers: str | None, *, again: bool) -> None:
    """Fetch one ticker after the other."""
    stamina.instrumentation.set_on_retry_hooks(())  # retries are not reported, their outcome is
    logs.configure("error")  # the command itself reports what became of each ticker
    settings = _settings()
    names = _names(tickers) or settings.tickers
    try:
        failures = asyncio.run(_fetch(settings, names, again=again))
    except KeyboardInterrupt:
        click.echo("\nstopped; what was fetched is stored, and the same command goes on from there", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(1 if failures else 0)


async def _fetch(settings: configuration.Settings, tickers: tuple[str, ...], *, again: bool) -> int:
    """How many tickers failed."""
    output, errors = terminal.console(), terminal.console(error=True)
    market = _open(settings)
    failures = 0
    try:
        with Progress(console=errors, disable=not errors.is_terminal, transient=True) as progress:
            for ticker in progress.track(tickers, description="Fetching"):
                failures += not await _fetch_one(market, ticker, output, errors, again=again)
    finally:
        await market.close()
    return failures


async def _fetch_one(market: Market, ticker: str, output: Console, errors: Console, *, again: bool) -> bool:
    if not again and await asyncio.to_thread(market.is_current, ticker):
        output.print(Text(f"{ticker}: stored and young, not fetched"))
        return True
    try:
        history = await market.fetch(ticker, real=market.has_real_providers)
    except NoPrices as error:
        errors.print(Text(str(error), style="red"))
        return False
    output.print(terminal.fetched(history))
    if (reports := await market.refresh_reports(ticker)).reports:
        output.print(terminal.reported(reports))
    for line in terminal.lines(ticker, history.findings):
        output.print(line)
    if (reason := market.unstored(ticker)) is not None:
        errors.print(Text(f"{ticker}: fetched, but not stored: {reason}; {REMEDY}", style="red"))
        return False
    return True


@main.command(
    short_help="Say what is wrong with a file of bars.",
    help="Say what is wrong or unusual in a file of bars, TICKER.csv, with line and remedy."
    " Exit status 0 when it can be used.",
)
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Read the file as the `files` provider would, and say what is unusual about it."""
    output, errors = terminal.console(), terminal.console(error=True)
    settings = _settings()
    try:
        sessions = Sessions.open(settings.exchange, settings.home)
        series = parse_csv(file.read_bytes(), file.stem.upper(), str(file))
    except OSError as error:
        _refuse(errors, f"{file}: {error.strerror}; name a file of bars, such as AAPL.csv")
    except InvalidBars as error:
        _refuse(errors, error.reason)
    except MarketError as error:
        _refuse(errors, str(error))
    findings = inspect(series, sessions, sessions.last_complete(datetime.now(UTC)))
    output.print(terminal.summary(str(file), series.bars, findings))
    for line in terminal.lines(str(file), findings):
        output.print(line)


def _refuse(errors: Console, reason: str) -> NoReturn:
    errors.print(Text(reason, style="red"))
    sys.exit(1)


def _names(tickers: str | None) -> tuple[str, ...]:
    names = tuple(name.strip().upper() for name in (tickers or "").split(",") if name.strip())
    for name in names:
        if not configuration.is_ticker(name):
            raise click.ClickException(f"--tickers {name}: not a ticker; write them as AAPL,MSFT")
    return names


def _open(settings: configuration.Settings) -> Market:
    try:
        HistoryStore(settings.home).check_usable()  # what is fetched must last
        return Market.open(settings)
    except MarketError as error:
        raise click.ClickException(str(error)) from None


def _settings() -> configuration.Settings:
    try:
        return configuration.load()
    except configuration.ConfigurationError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="python -m market")
