"""`python -m training backtest`: what the forecasts are worth in a portfolio."""

import sys

import click
from rich.console import Console
from rich.progress import Progress

from training.commands.options import chosen_recipes, chosen_tickers, prepare, tickers_option

# The command imports what it needs when it runs.
# ruff: noqa: PLC0415


@click.command(help="Trade on out-of-sample forecasts at the next open, with costs, and allow for all that was tried.")
@click.option("--recipe", help="The first of `training.recipes_tried` without it.")
@tickers_option
def backtest(recipe: str | None, tickers: list[str]) -> None:
    """Exit status 0 only when every ticker has forecasts."""
    settings = prepare()
    (name,) = chosen_recipes(recipe, settings)[:1] or settings.training.recipes_tried[:1]
    chosen = chosen_tickers(tickers, settings)
    from training.backtest.backtest import backtest as test_strategies
    from training.commands.report import print_backtest
    from training.commands.tables import standard_console

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Walking forward", total=len(chosen))
        found = test_strategies(settings, name, chosen, lambda: progress.advance(task))
    print_backtest(found, standard_console())
    click.echo(f"`make ui` shows it at {found.page}")
