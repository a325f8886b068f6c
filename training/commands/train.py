"""`python -m training train`: the pipeline with its progress, and what is said when it is interrupted."""

import shlex
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.progress import Progress

from configuration import Settings
from training.commands.report import print_outcomes
from training.commands.tables import standard_console
from training.execution.engine import Engine
from training.execution.outcome import Outcome
from training.execution.run import RunRequest, run

INTERRUPTED = 130


def train(
    settings: Settings, tickers: Sequence[str], horizons: Sequence[int], *, scheduler: str | None, resume: bool
) -> int:
    """Train, tell of each model, and print the table.

    Args:
        scheduler: address of a Dask scheduler; null for processes of this machine.

    Returns:
        Exit status: 0 when every model was trained, promoted or not; 1 when one failed; 130 when it was interrupted.
    """
    total = len(tickers) * len(horizons) * len(settings.training.recipes_tried)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        told = Told(progress, total)
        request = RunRequest(
            tickers=tickers,
            horizons=horizons,
            engine=Engine(scheduler, settings.training.processes),
            resume=resume,
            on_outcome=told.outcome,
            on_left_out=told.left_out,
        )
        try:
            with request.interruption.handled():
                run(settings, request)
        except KeyboardInterrupt:
            status = INTERRUPTED
        else:
            status = 1 if any(outcome.failed for outcome in told.outcomes) else 0
    told.summarize(resume=resume)
    if status == INTERRUPTED:
        click.echo(f"interrupted: {len(told.outcomes)} of {total} models are recorded; {_remedy()}", err=True)
    return status


class Told:
    """Tells of each model when it is done: a bar on a terminal, a line otherwise."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.outcomes: list[Outcome] = []
        self._left_out = 0
        self._total = total
        self._progress = progress
        self._task = progress.add_task("Training", total=total)

    def outcome(self, outcome: Outcome) -> None:
        """One more is recorded."""
        self.outcomes.append(outcome)
        self._progress.advance(self._task)
        if self._progress.disable:
            done = len(self.outcomes) + self._left_out
            click.echo(f"{done}/{self._total} {_named(outcome)}: {outcome.decision}: {outcome.reason}", err=True)

    def left_out(self, _ticker: str, _horizon: int) -> None:
        """One more was trained before."""
        self._left_out += 1
        self._progress.advance(self._task)

    def summarize(self, *, resume: bool) -> None:
        """Print the table, and the reasons that were not told yet."""
        if self.outcomes:
            print_outcomes(self.outcomes, standard_console())
        if resume:
            click.echo(f"left out {self._left_out} of {self._total}: trained on the same bars before")
        for outcome in self.outcomes if not self._progress.disable else ():
            if not outcome.promoted:
                click.echo(f"{_named(outcome)}: {outcome.reason}", err=True)


def _named(outcome: Outcome) -> str:
    return f"{outcome.ticker} at horizon {outcome.horizon}" + (f", {outcome.recipe}" if outcome.recipe else "")


def _remedy() -> str:
    words = [*sys.argv[1:], *(["--resume"] if "--resume" not in sys.argv else [])]
    return f"go on with `python -m training {shlex.join(words)}`"
