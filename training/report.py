"""What the pipeline tells on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from training.run import Outcome

HEADINGS = (
    "ticker",
    "horizon",
    "version",
    "error/no change",
    "direction",
    "90 % holds",
    "seconds",
    "prices",
    "outcome",
)


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """One row for each model; what failed says why."""
    table = Table(*HEADINGS, title="Models")
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.metrics is None:
        blank = ("",) * 6
        return outcome.ticker, str(outcome.horizon), *blank, "[red]failed"
    metrics = outcome.metrics
    return (
        outcome.ticker,
        str(outcome.horizon),
        str(outcome.version),
        f"{metrics.val_mae / metrics.baseline_mae:.4f}",
        f"{metrics.direction_accuracy:.1%}",
        f"{metrics.coverage:.1%}",
        f"{metrics.training_time:.1f}",
        "simulated" if outcome.simulated else "real",
        "published",
    )
