"""Command line: `python -m market fetch`, `python -m market check FILE.csv`."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

import configuration
from market.errors import MarketError
from market.market import Market
from market.providers.files import parse_csv


@click.group(help="Prices: fill the history store, check files of bars.")
def main() -> None:
    """Group of the commands below."""


@main.command(help="Fetch the bars of all configured tickers, or of those named, into the history store.")
@click.option("--tickers", help="Comma separated; all configured ones without it.")
def fetch(tickers: str | None) -> None:
    """Exit status 0 only when every ticker was fetched."""
    settings = _settings()
    names = tickers.upper().split(",") if tickers else settings.tickers
    failures = asyncio.run(_fetch(settings, names))
    for failure in failures:
        click.echo(failure, err=True)
    sys.exit(1 if failures else 0)


async def _fetch(settings: configuration.Settings, tickers: tuple[str, ...] | list[str]) -> list[str]:
    market = Market.open(settings)
    failures = []
    for ticker in track(tickers, "Fetching", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        try:
            history = await market.fetch(ticker)
        except MarketError as error:
            failures.append(str(error))
            continue
        bars = history.bars
        click.echo(f"{ticker}: {len(bars)} sessions, {bars.session[0]} to {bars.session[-1]}, from {bars.source}")
    await market.close()
    return failures


@main.command(help="Say what is wrong with a file of bars; exit status 0 when nothing is.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Read the file as the `files` provider would."""
    try:
        bars = parse_csv(file.read_bytes(), file.stem.upper(), str(file)).bars
    except MarketError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(f"{file}: {len(bars)} sessions, {bars.session[0]} to {bars.session[-1]}: nothing wrong")


def _settings() -> configuration.Settings:
    try:
        return configuration.load()
    except configuration.ConfigurationError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m market")
