"""What each part of the width is worth: `python -m benchmarks.width_parts --bars DIRECTORY [--reports FILE]`.

Beside today's forest and ridge regression stand the pooled trees of the recipe `pooled_boosting`, and inputs of the
whole market: the day's mean over tickers of four inputs, and that less the ticker's own. A month ahead further lines
show how the tails depend on what the distribution is made of, also before the scored sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import click
import joblib
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import configuration
from benchmarks.forecasts.__main__ import SESSIONS
from benchmarks.forecasts.report_dates import told
from configuration import HORIZONS
from features import NAMES, WIDTH_INPUTS
from features.matrix import FeatureMatrix
from forecasting.formula import FOREST_RATIO, RIDGE_RATIO
from forecasting.interval_score import interval_scores
from market.bars import FloatArray, SessionArray
from market.calendar.sessions import Sessions
from market.providers.files import parse_csv
from market.reports import files as report_files
from market.reports.dates import ReportDates
from market.splits import split_adjusted
from training.execution.out_of_sample import evaluation_config
from training.learning.dataset import Dataset, make_dataset
from training.learning.pooled_recipe import known_rows
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import FIRST_TRAINING, Outputs, refit_rows, walk_forward
from training.recipes import make_recipe
from training.recipes.pooled_boosting import PooledBoosting
from training.scoring import scores
from training.scoring.evaluation import Evaluation, evaluate

FAR = 21
MARKET = ("log_range_1", "log_range_5", "log_move_66")
PARTS = {
    "with pooled trees": ("forest", "ridge", "trees"),
    "with market inputs in the ridge": ("forest", "market ridge"),
    "with both": ("forest", "market ridge", "market trees"),
    "with both, less the forest": ("market ridge", "market trees"),
    "with both, less the ridge": ("forest", "market trees"),
    "pooled trees and ridge alone": ("ridge", "trees"),
    "forest alone": ("forest",),
    "ridge alone": ("ridge",),
}


class Tail(NamedTuple):
    """How the distribution a month ahead is made; `configuration.horizons` and `forecasting` say what each is."""

    correction_trust: float = 0.25
    residuals: int = 504
    overlap_widening: float = 0.25
    sign_trust: float = 0.5
    sessions_per_freedom: float = 15.0


TAILS = (
    Tail(),
    Tail(sign_trust=0.25, sessions_per_freedom=0.0),
    Tail(sign_trust=0.25),
    Tail(sessions_per_freedom=0.0),
    Tail(correction_trust=1.0),
    Tail(residuals=1000),
    Tail(overlap_widening=0.5),
)


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """The pooled trees, fitted on the sessions `known_on`, without and with market inputs."""

    known_on: SessionArray
    plain: Sequence[Pipeline]
    market: Sequence[Pipeline]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """One ticker's walk-forward: what each part says of the log ratio of the width, from the row `outputs.first` on."""

    data: Dataset
    outputs: Outputs
    mean: FloatArray
    widening: FloatArray
    said: Mapping[str, FloatArray]

    def evaluated(self, names: Sequence[str], trust: float) -> Evaluation:
        """The forecasts from the mean of these parts."""
        learned = np.mean([self.said[name] for name in names], axis=0)
        log_ratio = self.mean + trust * (learned - self.mean) + self.widening
        return evaluate(self.data, replace(self.outputs, log_ratio=log_ratio))


def with_market(pool: Sequence[Dataset]) -> list[FeatureMatrix]:
    """Inputs of the width of each ticker, and those of the whole market on the same session."""
    own = [_own(data) for data in pool]
    session, place = np.unique(np.concatenate([data.session for data in pool]), return_inverse=True)
    count = np.bincount(place)
    columns = np.concatenate(own).T
    mean = np.column_stack([np.bincount(place, weights=column) / count for column in columns])
    found = []
    for data, mine in zip(pool, own, strict=True):
        market = mean[np.searchsorted(session, data.session)]
        found.append(np.column_stack((data.inputs[:, WIDTH_INPUTS], market, market - mine)).astype(np.float32))
    return found


def _own(data: Dataset) -> FloatArray:
    level = data.unit / np.sqrt(data.horizon)
    last_return = data.inputs[:, NAMES.index("change_1")] / level
    return np.column_stack((data.inputs[:, [NAMES.index(name) for name in MARKET]], np.clip(last_return, -5, 5)))


def fit_trees(
    recipe: PooledBoosting, pool: Sequence[Dataset], inputs: Sequence[FeatureMatrix], known_on: np.datetime64
) -> Pipeline:
    """The pooled trees as they were on a session."""
    rows = [known_rows(data, known_on) for data in pool]
    learnt = np.concatenate([one[:count] for one, count in zip(inputs, rows, strict=True)])
    return recipe.trees(0).fit(
        learnt, np.concatenate([data.log_ratio[:count] for data, count in zip(pool, rows, strict=True)])
    )


def walk(data: Dataset, market: FeatureMatrix, config: TrainingConfig, trees: Trees) -> Parts:
    """Walk one ticker forward with all parts."""
    outputs = walk_forward(data, config)
    blocks = [_block(data, market, config, start, trees) for start in refit_rows(data, config).tolist()]
    columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return Parts(data, outputs, columns.pop("mean"), columns.pop("widening"), columns)


def _block(
    data: Dataset, market: FeatureMatrix, config: TrainingConfig, start: int, trees: Trees
) -> dict[str, FloatArray]:
    known, rows = start - data.horizon, slice(start, min(start + config.refit_every, len(data)))
    fitted = config.fit(data, known)
    formula, inputs = fitted.formula, data.inputs[rows]
    made = fitted.model.predict(inputs)
    level = np.full_like(made, formula.mean)
    ridge = make_pipeline(StandardScaler(), Ridge(alpha=300.0)).fit(market[:known], data.log_ratio[:known])
    newest = int(np.searchsorted(trees.known_on, data.session[start - 1], side="right")) - 1
    plain = data.inputs[rows][:, WIDTH_INPUTS]
    return {
        "mean": level[:, 0],
        "widening": formula.log_ratio(level, inputs) - formula.mean,
        "forest": made[:, FOREST_RATIO],
        "ridge": np.clip(made[:, RIDGE_RATIO], formula.lowest, formula.highest),
        "market ridge": np.clip(ridge.predict(market[rows]), formula.lowest, formula.highest),
        "trees": trees.plain[newest].predict(plain),
        "market trees": trees.market[newest].predict(market[rows]),
    }


def daily(made: Sequence[Evaluation], part: slice) -> FloatArray:
    """Mean interval score of the tickers on each session."""
    known = [one.known() for one in made]
    return np.asarray(np.mean([interval_scores(one.lower, one.upper, one.actual)[part] for one in known], axis=0))


def line(name: str, made: Sequence[Evaluation], today: Sequence[Evaluation], part: slice) -> str:
    """Gain over today's with its block-bootstrap error, coverage, and shares below and above."""
    value, error = scores.relative_gain(daily(made, part), daily(today, part))
    known = [one.known() for one in made]
    below, above = (
        np.mean([np.mean(side[part]) for side in sides])
        for sides in ([one.actual < one.lower for one in known], [one.actual > one.upper for one in known])
    )
    unproven = " unproven" if abs(value) < 2 * error else ""
    return f"| {name} | {value:+.2%} ± {error:.2%}{unproven} | {1 - below - above:.1%} | {below:.1%}, {above:.1%} |"


@click.command(help=__doc__)
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--reports", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="ticker,filed_on[,timing]"
)
@click.option("--horizons", default="1,5,21", show_default=True)
@click.option("--refit-every", default=63, show_default=True, help="Sessions between two fits of forest and ridge.")
def main(bars: Path, reports: Path | None, horizons: str, refit_every: int) -> None:
    """Print the tables."""
    settings = configuration.load()
    config = replace(evaluation_config(settings), refit_every=refit_every)
    series = []
    for path in sorted(bars.glob("*.csv")):
        read = parse_csv(path.read_bytes(), path.stem, str(path))
        series.append(split_adjusted(read, read.bars.session[-1]).bars)
    found = report_files.parse_csv(reports.read_bytes(), str(reports), datetime.now(UTC)) if reports else {}
    sessions = Sessions.open(settings.exchange, settings.home).session
    recipe = make_recipe(settings, "pooled_boosting")
    if not isinstance(recipe, PooledBoosting):
        raise TypeError(recipe.name)
    work = joblib.Parallel(n_jobs=-1)
    for horizon in (int(text) for text in horizons.split(",")):
        schedules = [told(found.get(one.ticker, ReportDates(one.ticker)), sessions) for one in series]
        pool = [make_dataset(one, horizon, schedule) for one, schedule in zip(series, schedules, strict=True)]
        market = with_market(pool)
        union = reduce(np.union1d, [data.session for data in pool])
        known_on = recipe.refit_sessions(union, horizon, FIRST_TRAINING, union[0])
        trees = Trees(
            known_on,
            *(
                list(work(joblib.delayed(fit_trees)(recipe, pool, given, session) for session in known_on))
                for given in ([data.inputs[:, WIDTH_INPUTS] for data in pool], market)
            ),
        )
        parts = list(
            work(joblib.delayed(walk)(data, one, config, trees) for data, one in zip(pool, market, strict=True))
        )
        report(horizon, parts)


def report(horizon: int, parts: Sequence[Parts]) -> None:
    """Print the tables of one horizon."""
    trust = HORIZONS[horizon].correction_trust
    today = [one.evaluated(("forest", "ridge"), trust) for one in parts]
    last = slice(-(SESSIONS - horizon), None)
    click.echo(f"\n{horizon} sessions ahead\n\n| width | better than today's | holds | below, above |\n{'| --- ' * 4}|")
    click.echo(line("today's: forest and ridge", today, today, last))
    for name, names in PARTS.items():
        click.echo(line(name, [one.evaluated(names, trust) for one in parts], today, last))
    if horizon == FAR:
        tails(parts, today, last)


def tails(parts: Sequence[Parts], today: Sequence[Evaluation], last: slice) -> None:
    """How the tails a month ahead depend on trust and on the number of residuals, before and on the scored sessions."""
    earliest = min(one.known().row.size for one in today)
    before = slice(-earliest, last.start)
    for tail in TAILS:
        far = replace(HORIZONS[FAR], sign_trust=tail.sign_trust, sessions_per_freedom=tail.sessions_per_freedom)
        with (
            patch("training.learning.walk_forward.LARGEST_SAMPLE", tail.residuals),
            patch("forecasting.distribution.OVERLAP_WIDENING", tail.overlap_widening),
            patch("forecasting.distribution.HORIZONS", {**HORIZONS, FAR: far}),
        ):
            made = [one.evaluated(("forest", "ridge"), tail.correction_trust) for one in parts]
        for name, part in (("before", before), ("scored", last)):
            click.echo(
                line(
                    f"{', '.join(f'{key} {value}' for key, value in tail._asdict().items())}: {name}", made, today, part
                )
            )


if __name__ == "__main__":
    main()
