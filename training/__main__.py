"""Command line: `python -m training --help`."""

import os
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.progress import Progress

import configuration
from training.errors import TrainingError

# The commands import what they need when they run: MLflow and scikit-learn take seconds, `--help` should not.

# Columns of a table that is written to a file.
WIDTH = 110


@click.group(help="Train, register and publish models.")
def main() -> None:
    """Group of the commands below."""


def _listed(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[str]:
    return [part.strip().upper() for part in text.split(",") if part.strip()] if text else []


tickers_option = click.option("--tickers", callback=_listed, help="Comma separated; all configured ones without it.")
horizons_option = click.option("--horizons", callback=_listed, help="Comma separated; all configured ones without it.")


@main.command(name="train", help="Load bars, walk forward, fit, calibrate, log, register and publish.")
@tickers_option
@horizons_option
def train_command(tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when every model was published."""
    settings = prepare()
    chosen = tickers or list(settings.tickers)
    sessions = _horizons(horizons, settings)
    from training.report import print_outcomes  # noqa: PLC0415
    from training.run import run  # noqa: PLC0415

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Training", total=len(chosen) * len(sessions))
        outcomes = run(settings, chosen, sessions, lambda _outcome: progress.advance(task))
    print_outcomes(outcomes, Console() if sys.stdout.isatty() else Console(width=WIDTH))
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    for problem in problems:
        click.echo(problem, err=True)
    sys.exit(1 if problems else 0)


@main.command(help="Work the list of trainings until the process that started this one ends.")
def work() -> None:
    """What the service starts beside itself; one for each STOCKS_HOME."""
    settings = prepare()
    from training.worker import work_forever  # noqa: PLC0415

    if not work_forever(settings.home, os.getppid()):
        raise click.ClickException(f"{settings.home}: another worker trains for it already")


@main.command(help="Pack the service and the champions into a bento, exported as dist/stock_prediction.bento.")
def bento() -> None:
    """Exit status 0 only when it was built."""
    settings = prepare()
    from training.bento import EXPORT, build_bento  # noqa: PLC0415

    tag, models = build_bento(settings)
    click.echo(f"{tag} with {models} models, exported to {EXPORT}")


def prepare() -> configuration.Settings:
    """Settings, with the environment in place that the libraries read when they are imported."""
    configuration.anchor()
    try:
        return configuration.load()
    except configuration.ConfigurationError as error:
        raise click.ClickException(str(error)) from None


def _horizons(texts: Sequence[str], settings: configuration.Settings) -> list[int]:
    allowed = [str(horizon) for horizon in settings.horizons]
    for text in texts:
        if text not in allowed:
            raise click.ClickException(f"--horizons {text}: not among the configured horizons {', '.join(allowed)}")
    return [int(text) for text in texts] or list(settings.horizons)


def cli() -> None:
    """Run a command; what goes wrong is said in one line."""
    try:
        main(prog_name="python -m training")
    except TrainingError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    cli()
