"""`python -m training search`: hyperparameters of a recipe, on sessions before those that are scored."""

import shlex
import sys
from collections.abc import Mapping

import click
from rich.console import Console
from rich.progress import Progress

from configuration.settings import PREFIX
from training.commands.options import chosen_horizons, chosen_recipes, chosen_tickers, listed, prepare, tickers_option

# The command imports what it needs when it runs.
# ruff: noqa: PLC0415


@click.command(help="Search for hyperparameters of RECIPE on sessions before those that are scored; it goes on.")
@click.argument("recipe")
@click.option("--trials", type=click.IntRange(min=1), default=50, show_default=True, help="With those there are.")
@tickers_option
@click.option("--horizons", callback=listed, default="1", show_default=True, help="Comma separated.")
def search(recipe: str, trials: int, tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when so many trials have a score."""
    settings = prepare()
    chosen_recipes(recipe, settings)
    chosen, sessions = chosen_tickers(tickers, settings), chosen_horizons(horizons, settings)
    from training.commands.report import print_search
    from training.commands.tables import standard_console
    from training.search.search import search as search_hyperparameters

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Searching", total=trials)

        def note(done: int) -> None:
            progress.update(task, completed=done)

        found = search_hyperparameters(
            settings,
            recipe,
            chosen,
            sessions,
            trials=trials,
            on_trial=note,
        )
    print_search(found, standard_console())
    for line in advice(recipe, {key: value for key, value in found.best.items() if value != found.configured[key]}):
        click.echo(line)
    click.echo(f"`make ui` shows the trials at {found.page}")


def advice(recipe: str, changed: Mapping[str, object]) -> list[str]:
    """What to type to go on with the values of `changed`."""
    if not changed:
        return ["the configured hyperparameters are the best so far"]
    options = [word for key, value in changed.items() for word in ("--set", f"{key}={value}")]
    variables = [f"{PREFIX}TRAINING__RECIPES__{recipe}__{key}".upper() + f"={value}" for key, value in changed.items()]
    return [
        f"to compare it with the configured: python -m training compare --recipes {recipe} {shlex.join(options)}",
        f"to train it: {shlex.join(variables)} python -m training train",
    ]
