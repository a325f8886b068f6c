"""`python -m training compare`: recipes side by side."""

import json
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.progress import Progress

from training.commands.options import (
    chosen_horizons,
    chosen_recipes,
    chosen_tickers,
    horizons_option,
    prepare,
    tickers_option,
)

# The command imports what it needs when it runs.
# ruff: noqa: PLC0415


@click.command(help="Score recipes on the same folds, side by side; the first is what the others are compared with.")
@click.option("--recipes", help="Comma separated; all of `training.recipes` whose packages are installed without it.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="HYPERPARAMETER=VALUE",
    help="Score the first recipe with this value too, beside the configured one; may be given several times.",
)
@tickers_option
@horizons_option
def compare(recipes: str | None, changes: tuple[str, ...], tickers: list[str], horizons: list[str]) -> None:
    """Exit status 0 only when every recipe was scored on every ticker."""
    settings = prepare()
    named, changed = chosen_recipes(recipes, settings), _values(changes)
    chosen, sessions = chosen_tickers(tickers, settings), chosen_horizons(horizons, settings)
    from training.commands.report import print_comparison
    from training.commands.tables import standard_console
    from training.comparison.compare import compare as compare_recipes
    from training.recipes import installed

    names = named or installed(settings)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("Comparing", total=(len(names) + bool(changed)) * len(chosen) * len(sessions))
        comparison = compare_recipes(settings, names, chosen, sessions, lambda: progress.advance(task), changed=changed)
    print_comparison(comparison.lines, names[0], standard_console())
    if comparison.lines:
        click.echo(f"`make ui` shows it at {comparison.page}")
    for reason in comparison.failures:
        click.echo(reason, err=True)
    sys.exit(1 if comparison.failures else 0)


def _values(changes: Sequence[str]) -> dict[str, object]:
    """Values by hyperparameter; what is no JSON stays text."""
    found: dict[str, object] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise click.UsageError(f"--set {change}: write it as HYPERPARAMETER=VALUE")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
