"""Command line: `python -m training --help`."""

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

import configuration
import logs
from concurrency.parent_death import end_with_parent
from configuration import Settings
from market.errors import MarketError
from training.errors import TrainingError
from training.mlflow_registry.environment import prepare_environment

# The commands import what they need when they run: MLflow and scikit-learn take seconds, `--help` should not.
# ruff: noqa: PLC0415

# Bytes that every file system writes at once.
PAGE = 4096


class Failing(click.Group):
    """Commands whose own errors are one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (TrainingError, MarketError, configuration.ConfigurationError) as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'STOCKS_HOME'}: {error.strerror or error}") from None


@click.group(cls=Failing, help="Train, score, register, publish and roll back models.")
def main() -> None:
    """Group of the commands below."""


def _listed(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[str]:
    return [part.strip().upper() for part in text.split(",") if part.strip()] if text else []


tickers_option = click.option("--tickers", callback=_listed, help="Comma separated; all configured ones without it.")
horizons_option = click.option("--horizons", callback=_listed, help="Comma separated; all configured ones without it.")
horizon_option = click.option("--horizon", type=int, default=1, show_default=True, help="Sessions ahead.")


@main.command(
    name="train", help="The pipeline: load bars, walk forward, fit, calibrate, log, register, promote if better."
)
@tickers_option
@horizons_option
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True)
@click.option("--scheduler", help="Address of the Dask scheduler, such as tcp://127.0.0.1:8786.")
@click.option("--resume", is_flag=True, help="Leave out models that were already trained on the same bars.")
def train_command(tickers: list[str], horizons: list[str], engine: str, scheduler: str | None, resume: bool) -> None:  # noqa: FBT001
    """Exit status 0 only when every model was trained, promoted or not."""
    if (engine == "dask") != (scheduler is not None):
        raise click.UsageError("--engine dask and --scheduler tcp://HOST:PORT go together")
    settings = prepare()
    chosen, sessions = _tickers(tickers, settings), _horizons(horizons, settings)
    from training.command_train import train

    sys.exit(train(settings, chosen, sessions, scheduler=scheduler, resume=resume))


@main.command(help="Write out-of-sample walk-forward forecasts of the past, one row each; trains nothing that lasts.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV file to write.")
@tickers_option
@click.option("--horizons", callback=_listed, default="1", show_default=True, help="Comma separated.")
def evaluate(out: Path, tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when every ticker is in the file."""
    settings = prepare()
    chosen, sessions = _tickers(tickers, settings, any_ticker=True), _horizons(horizons, settings)
    from training.out_of_sample import Evaluated, evaluate_to_file
    from training.report import print_evaluation, standard_console

    evaluated: list[Evaluated] = []
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Evaluating", total=len(chosen) * len(sessions))

        def note(one: Evaluated) -> None:
            evaluated.append(replace(one, text=""))
            progress.advance(task)

        failures = evaluate_to_file(settings, chosen, sessions, out, note)
    print_evaluation(evaluated, standard_console())
    for reason in failures.values():
        click.echo(reason, err=True)
    sys.exit(1 if failures else 0)


@main.command(help="Score recipes on the same folds, side by side; the first is what the others are compared with.")
@click.option("--recipes", help="Comma separated; all of `training.recipes` without it.")
@tickers_option
@horizons_option
def compare(recipes: str | None, tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when every recipe was scored on every ticker."""
    settings = prepare()
    names = [name.strip() for name in recipes.split(",")] if recipes else list(settings.training.recipes)
    chosen, sessions = _tickers(tickers, settings), _horizons(horizons, settings)
    from training.comparison.compare import compare as compare_recipes
    from training.report import print_comparison, standard_console

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Comparing", total=len(names) * len(chosen) * len(sessions))
        comparison = compare_recipes(settings, names, chosen, sessions, lambda: progress.advance(task))
    print_comparison(comparison.lines, names[0], standard_console())
    for reason in comparison.failures:
        click.echo(reason, err=True)
    sys.exit(1 if comparison.failures else 0)


@main.command(help="Put every champion, and what experiments test, into the model store that is not what is there.")
def publish() -> None:
    """Exit status 0 only when every champion and challenger is published."""
    settings = prepare()
    from training.mlflow_registry.registry import Registry
    from training.publishing.challengers import publish_challengers
    from training.publishing.operations import publish_champions

    registry = Registry(settings)
    for tag in publish_champions(settings, registry, _models(settings)):
        click.echo(f"published {tag}")
    for tag in publish_challengers(settings, registry, _models(settings)):
        click.echo(f"published {tag}")


@main.command(help="Make VERSION the champion of TICKER by hand, and publish it.")
@click.argument("ticker")
@click.argument("version", type=int)
@horizon_option
@click.option("--force", is_flag=True, help="Also a version of simulated prices in place of one of real ones.")
def promote(ticker: str, version: int, horizon: int, force: bool) -> None:  # noqa: FBT001
    """Exit status 0 only when it serves."""
    settings = prepare()
    (ticker,), (horizon,) = _tickers([ticker.upper()], settings), _horizons([str(horizon)], settings)
    from training.mlflow_registry.registry import Registry
    from training.publishing.operations import promote as make_champion

    tag = make_champion(Registry(settings), ticker, horizon, version, force=force)
    click.echo(f"{ticker} at horizon {horizon}: version {version} is champion, published as {tag}")


@main.command(help="Make the champion before this one champion again, at all horizons without --horizon.")
@click.argument("ticker")
@click.option("--horizon", type=int, help="Sessions ahead.")
def rollback(ticker: str, horizon: int | None) -> None:
    """Exit status 0 only when an earlier version serves at one horizon at least, or at the one that was named."""
    settings = prepare()
    (ticker,) = _tickers([ticker.upper()], settings)
    horizons = _horizons([str(horizon)] if horizon is not None else [], settings)
    from training.mlflow_registry.registry import Registry
    from training.publishing.operations import only_with_champion, roll_back

    registry = Registry(settings)
    done = 0
    for _, each in only_with_champion(registry, [(ticker, each) for each in horizons]):
        try:
            version = roll_back(registry, ticker, each)
        except TrainingError as error:
            click.echo(str(error), err=True)
        else:
            click.echo(f"{ticker} at horizon {each}: version {version} is champion again and published")
            done += 1
    sys.exit(0 if done else 1)


@main.command(help="Champion, published version and last decision of every model.")
def status() -> None:
    """Print a table."""
    settings = prepare()
    from training.mlflow_registry.registry import Registry
    from training.publishing.operations import standings
    from training.report import print_standings, standard_console

    print_standings(standings(settings, Registry(settings), _models(settings)), standard_console())


@main.command(help="Pack the service and the champions into a bento, and export it as one file.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=configuration.ROOT / "dist" / "stock_prediction.bento",
    help="File to write; dist/stock_prediction.bento without it.",
)
@click.option("--allow-empty", is_flag=True, help="Build it without any model too; the baseline answers meanwhile.")
def bento(out: Path, allow_empty: bool) -> None:  # noqa: FBT001
    """Exit status 0 only when it was built."""
    settings = prepare()
    from training.publishing.bento import build_bento

    tag, models = build_bento(settings, out, allow_empty=allow_empty)
    click.echo(f"{tag} with {models} models, exported to {out}")


@main.command(help="Open MLflow on this machine: compare runs and versions.")
@click.option("--port", type=int, default=5000, show_default=True)
def ui(port: int) -> None:
    """Serve until interrupted."""
    settings = prepare()
    if settings.training.tracking_uri:
        from training.mlflow_registry.tracking import check_answers, without_secret

        check_answers(settings.training.tracking_uri)
        click.echo(f"MLflow runs at {without_secret(settings.training.tracking_uri)}")
        return
    from training.mlflow_registry.registry import Registry
    from training.mlflow_registry.runs import page_of

    experiment = Registry(settings).prepare()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", settings.tracking_uri, "--workers", "1"]
    command += ["--default-artifact-root", (settings.home / "mlflow" / "artifacts").as_uri()]
    click.echo(f"MLflow opens at http://127.0.0.1:{port}{page_of(experiment)}")
    os.execv(sys.executable, command)  # noqa: S606  # in this process's place, so that its end is MLflow's


@main.command(help="Work the list of trainings until the process that started this one ends.")
def work() -> None:
    """What the service starts beside itself; one for each STOCKS_HOME."""
    settings = prepare()
    from training.worker.process import work_forever

    end_with_parent()
    if not work_forever(settings.home):
        raise click.ClickException(f"{settings.home}: another worker trains for it already")


def prepare() -> Settings:
    """Settings, with the environment in place that the libraries read when they are imported."""
    configuration.anchor()
    prepare_environment()
    settings = configuration.load()
    logs.configure("warning")
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


def _tickers(chosen: Sequence[str], settings: Settings, *, any_ticker: bool = False) -> list[str]:
    """Those chosen, or all configured ones; only configured ones unless nothing of theirs is kept."""
    for ticker in chosen:
        if not re.fullmatch(configuration.TICKER_PATTERN, ticker):
            raise click.ClickException(f"{ticker}: not a ticker; they look like AAPL or BRK.B")
        if not any_ticker and ticker not in settings.tickers:
            raise click.ClickException(f"{ticker}: not served here; `tickers` are {', '.join(settings.tickers)}")
    return list(chosen or settings.tickers)


def _horizons(texts: Sequence[str], settings: Settings) -> list[int]:
    allowed = [str(horizon) for horizon in settings.horizons]
    for text in texts:
        if text not in allowed:
            raise click.ClickException(f"horizon {text}: not among the configured `horizons` {', '.join(allowed)}")
    return [int(text) for text in texts] or list(settings.horizons)


def _models(settings: Settings) -> list[tuple[str, int]]:
    return [(ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons]


if __name__ == "__main__":
    main(prog_name="python -m training")
