"""What the commands share: their options, the settings, and the check of what is chosen."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

import configuration
import logs
from configuration import Settings
from training.mlflow_registry.environment import prepare_environment

# Bytes that every file system writes at once.
PAGE = 4096


def listed(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[str]:
    """The parts of a comma-separated value, in upper case, each once."""
    return list(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip())) if text else []


tickers_option = click.option("--tickers", callback=listed, help="Comma separated; all configured ones without it.")
horizons_option = click.option("--horizons", callback=listed, help="Comma separated; all configured ones without it.")
horizon_option = click.option("--horizon", type=int, default=1, show_default=True, help="Sessions ahead.")


def prepare() -> Settings:
    """Settings, with the environment in place that the libraries read when they are imported."""
    configuration.anchor()
    prepare_environment()
    settings = configuration.load()
    logs.configure("warning", without=["provider.failed"])  # each command says what became of each ticker
    _check_home(settings.home)
    return settings


def _check_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(bytes(PAGE))
    except OSError as error:
        remedy = "name a folder that can be written, with room in it"
        raise configuration.ConfigurationError(f"STOCKS_HOME = {home}: {error.strerror}; {remedy}") from None


def chosen_tickers(chosen: Sequence[str], settings: Settings, *, any_ticker: bool = False) -> list[str]:
    """Those chosen, or all configured ones; only configured ones unless nothing of theirs is kept."""
    for ticker in chosen:
        if not re.fullmatch(configuration.TICKER_PATTERN, ticker):
            raise click.ClickException(f"{ticker}: not a ticker; they look like AAPL or BRK.B")
        if not any_ticker and ticker not in settings.tickers:
            raise click.ClickException(
                f"{ticker}: not served here; STOCKS_TICKERS sets `tickers`: {', '.join(settings.tickers)}"
            )
    return list(chosen or settings.tickers)


def chosen_recipes(text: str | None, settings: Settings) -> list[str]:
    """The recipes of a comma-separated value, each once, as far as they are known without their imports."""
    names = list(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))
    for name in names:
        if name not in settings.training.recipes:
            known = ", ".join(settings.training.recipes)
            raise click.ClickException(f"recipe {name}: not among the configured `training.recipes` {known}")
    return names


def chosen_horizons(texts: Sequence[str], settings: Settings) -> list[int]:
    """Those chosen, or all configured ones."""
    allowed = [str(horizon) for horizon in settings.horizons]
    for text in texts:
        if text not in allowed:
            raise click.ClickException(f"horizon {text}: not among the configured `horizons` {', '.join(allowed)}")
    return [int(text) for text in texts] or list(settings.horizons)
