"""Command line: `python -m training --help`."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

import configuration
from concurrency.parent_death import end_with_parent
from configuration import Settings
from market.errors import MarketError
from training.commands.as_of import as_of
from training.commands.backtest import backtest
from training.commands.compare import compare
from training.commands.options import (
    chosen_horizons,
    chosen_tickers,
    horizon_option,
    horizons_option,
    listed,
    prepare,
    tickers_option,
)
from training.commands.search import search
from training.errors import TrainingError

# The commands import what they need when they run: MLflow and scikit-learn take seconds, `--help` should not.
# ruff: noqa: PLC0415


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
    """Group of the commands below and of those in `training.commands`."""


main.add_command(compare)
main.add_command(backtest)
main.add_command(as_of)
main.add_command(search)


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
    chosen, sessions = chosen_tickers(tickers, settings), chosen_horizons(horizons, settings)
    from training.commands.train import train
    from training.recipes import check_tried

    check_tried(settings)
    sys.exit(train(settings, chosen, sessions, scheduler=scheduler, resume=resume))


@main.command(help="Write out-of-sample walk-forward forecasts of the past, one row each; trains nothing that lasts.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV file to write.")
@tickers_option
@click.option("--horizons", callback=listed, default="1", show_default=True, help="Comma separated.")
def evaluate(out: Path, tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when every ticker is in the file."""
    settings = prepare()
    chosen, sessions = chosen_tickers(tickers, settings, any_ticker=True), chosen_horizons(horizons, settings)
    from training.commands.report import print_evaluation
    from training.commands.tables import standard_console
    from training.execution.out_of_sample import Evaluated, evaluate_to_file

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


@main.command(help="Put every champion, and what experiments test, into the model store that is not what is there.")
def publish() -> None:
    """Exit status 0 only when every champion and challenger is published."""
    settings = prepare()
    from training.mlflow_registry.registry import Registry
    from training.publishing.challengers import publish_challengers
    from training.publishing.operations import publish_champions

    registry, models = Registry(settings), _models(settings)
    published = 0
    for publish_those in (publish_champions, publish_challengers):
        for tag in publish_those(settings, registry, models):
            click.echo(f"published {tag}")
            published += 1
    if not published:
        click.echo("nothing to publish: the model store has every champion that there is")


@main.command(help="Make VERSION the champion of TICKER by hand, and publish it.")
@click.argument("ticker")
@click.argument("version", type=int)
@horizon_option
@click.option("--force", is_flag=True, help="Also a version of simulated prices in place of one of real ones.")
def promote(ticker: str, version: int, horizon: int, force: bool) -> None:  # noqa: FBT001
    """Exit status 0 only when it serves."""
    settings = prepare()
    (ticker,), (horizon,) = chosen_tickers([ticker.upper()], settings), chosen_horizons([str(horizon)], settings)
    from training.mlflow_registry.registry import Registry
    from training.publishing.operations import fate_in_next_training
    from training.publishing.operations import promote as make_champion

    tag = make_champion(Registry(settings), ticker, horizon, version, force=force)
    click.echo(f"{ticker} at horizon {horizon}: version {version} is champion, published as {tag}")
    if fate := fate_in_next_training(settings, ticker, horizon):
        click.echo(fate)


@main.command(help="Make the champion before this one champion again, at all horizons without --horizon.")
@click.argument("ticker")
@click.option("--horizon", type=int, help="Sessions ahead.")
def rollback(ticker: str, horizon: int | None) -> None:
    """Exit status 0 only when an earlier version serves at one horizon at least, or at the one that was named."""
    settings = prepare()
    (ticker,) = chosen_tickers([ticker.upper()], settings)
    horizons = chosen_horizons([str(horizon)] if horizon is not None else [], settings)
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


@main.command(help="Champion, published version and last decision of every model, or of the TICKERs named.")
@click.argument("tickers", metavar="[TICKER]...", nargs=-1)
@click.option("--why", is_flag=True, help="The reason of each decision in full, as for a single ticker.")
def status(tickers: tuple[str, ...], why: bool) -> None:  # noqa: FBT001
    """Print a table."""
    settings = prepare()
    chosen = chosen_tickers([ticker.upper() for ticker in tickers], settings)
    from training.commands.standings import print_standings
    from training.commands.tables import standard_console
    from training.mlflow_registry.registry import Registry
    from training.publishing.operations import standings
    from training.recipes import check_tried

    check_tried(settings)
    models = [(ticker, horizon) for ticker in chosen for horizon in settings.horizons]
    found = standings(settings, Registry(settings), models)
    print_standings(found, standard_console(), whole=why or len(tickers) == 1)


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
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(port: int) -> None:
    """Serve until interrupted."""
    settings = prepare()
    if settings.training.tracking_uri:
        from training.mlflow_registry.connection import check_answers, without_secret

        check_answers(settings.training.tracking_uri)
        click.echo(f"MLflow runs at {without_secret(settings.training.tracking_uri)}")
        return
    from training.mlflow_registry.registry import Registry
    from training.mlflow_registry.runs.views import page_of

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


def _models(settings: Settings) -> list[tuple[str, int]]:
    return [(ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons]


if __name__ == "__main__":
    main(prog_name="python -m training")
