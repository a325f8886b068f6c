"""What the pipeline tells on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from training.mlflow_registry.registry import Standing
from training.run import Outcome

HEADINGS = ("ticker", "horizon", "version", "skill", "error/no change", "90 % holds", "seconds", "prices", "outcome")


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """One row for each model, why below the table; skill is over the quantiles of the last year's returns."""
    table = Table(*HEADINGS, title="Models")
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)


def print_standings(standings: Sequence[tuple[str, int, Standing, str]], console: Console) -> None:
    """One row for each model: ticker, horizon, where it stands, and what is published."""
    table = Table("ticker", "horizon", "champion", "published", "newest", "decision on it", "why", title="Registry")
    for ticker, horizon, standing, published in standings:
        champion, newest = (str(one) if one is not None else "" for one in (standing.champion, standing.newest))
        table.add_row(ticker, str(horizon), champion, published, newest, standing.decision, standing.reason)
    console.print(table)


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.metrics is None or outcome.skill is None:
        return outcome.ticker, str(outcome.horizon), *("",) * 6, "[red]failed"
    metrics = outcome.metrics
    return (
        outcome.ticker,
        str(outcome.horizon),
        str(outcome.version),
        f"{outcome.skill:+.1%}",
        f"{metrics.val_mae / metrics.baseline_mae:.4f}",
        f"{metrics.coverage:.1%}",
        f"{metrics.training_time:.1f}",
        "simulated" if outcome.simulated else "real",
        "[green]promoted" if outcome.promoted else "[yellow]rejected",
    )
