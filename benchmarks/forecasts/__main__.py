"""How good the forecasts are: `python -m benchmarks.forecasts --bars DIRECTORY [--reports FILE]` prints the tables.

Every number is out of sample: walk-forward as `python -m training evaluate` does it, the last three years of each
file, baselines on the same rows. With report dates a second table shows what they are worth when they are announced,
inferred from past ones, missing, or wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import joblib
import numpy as np

import configuration
from benchmarks.forecasts.portfolio import Member, risk_table
from benchmarks.forecasts.report_dates import VARIANTS, told, variant
from forecasting.interval_score import interval_scores
from forecasting.reports.schedule import BoolArray, ReportSchedule
from market.bars import Bars, FloatArray, SessionArray
from market.calendar.sessions import Sessions
from market.providers.files import parse_csv
from market.reports import files as report_files
from market.reports.dates import ReportDates
from market.splits import split_adjusted
from training.execution.engine import Engine
from training.execution.out_of_sample import evaluation_config
from training.execution.pooling import share
from training.learning.dataset import make_dataset
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.scoring import scores
from training.scoring.baselines import evaluate_baselines
from training.scoring.evaluation import Evaluation, distributions, evaluate

SESSIONS = 780
BASELINES = ("last_252", "ewma", "baseline")
# The delays of filings were learnt on sessions before this one.
LEARNT_UNTIL = np.datetime64("2023-03-01")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One ticker's forecasts of the last years with what they are compared with; m rows whose return is known.

    Attributes:
        made_on: shape (m,).
        reported: shape (m,), whether a report may have taken effect within the horizon.
        model: the forecasts as served: with announced dates where there are any.
        risk: whole distributions of all sessions since the first forecast, with their returns.
        variants: the forecasts with dates as VARIANTS says; empty without dates.
    """

    ticker: str
    made_on: SessionArray
    reported: BoolArray
    model: Evaluation
    variants: dict[str, Evaluation]
    baselines: dict[str, Evaluation]
    level: FloatArray
    drift: FloatArray
    risk: Member


def score(
    bars: Bars, horizon: int, config: TrainingConfig, sessions: SessionArray, dates: Mapping[str, ReportDates]
) -> Scored:
    """Walk forward and cut to the last SESSIONS known.

    Args:
        dates: of every ticker.
    """
    announced = told(dates[bars.ticker], sessions)
    data = make_dataset(bars, horizon, announced)
    outputs = walk_forward(data, config)

    def made(schedule: ReportSchedule) -> Evaluation:
        return evaluate(make_dataset(bars, horizon, schedule), outputs, SESSIONS)

    model = made(announced)
    names = VARIANTS if len(announced.position) else ()
    known = model.known()
    whole = distributions(data, outputs)[:-horizon]
    rows = slice(len(data) - horizon - len(whole), len(data) - horizon)
    drift = np.array([np.mean(data.actual[max(row - horizon - 503, 0) : row - horizon + 1]) for row in known.row])
    return Scored(
        ticker=bars.ticker,
        made_on=data.session[known.row],
        reported=data.reports.near[known.row],
        model=known,
        variants={name: made(variant(name, bars.ticker, dates, sessions)).known() for name in names},
        baselines={name: one.known() for name, one in evaluate_baselines(bars, data, model).items()},
        level=data.unit[known.row],
        drift=drift,
        risk=Member(bars.ticker, data.session[rows], whole, data.actual[rows], data.unit[rows]),
    )


def table(by_horizon: dict[int, list[Scored]]) -> str:
    """Markdown: one column for each horizon."""
    columns = [column(scored) for scored in by_horizon.values()]
    headings = ["", *(f"{horizon} session{'s' if horizon > 1 else ''}" for horizon in by_horizon)]
    lines = ["| " + " | ".join(headings) + " |", "| --- " * len(headings) + "|"]
    lines += [f"| {name} | " + " | ".join(one[name] for one in columns) + " |" for name in columns[0]]
    return "\n".join(lines)


def column(scored: list[Scored]) -> dict[str, str]:
    """The scores over all tickers of one horizon, by what they are called in the table."""
    pooled = pool([one.model for one in scored])
    baselines = {name: pool([one.baselines[name] for one in scored]) for name in BASELINES}
    actual = pooled.actual
    holds = [scores.coverage(one.model.lower, one.model.upper, one.model.actual) for one in scored]
    turbulent = np.concatenate([scores.turbulent(one.level) for one in scored])
    accuracy = scores.direction_accuracy(pooled.probability_up, actual)
    error = np.sqrt(accuracy * (1 - accuracy) / actual.size)
    no_change = float(np.mean(np.abs(actual)))
    drift = np.concatenate([one.drift for one in scored])
    rate = baselines["last_252"].probability_up
    found = {
        "forecasts (tickers x days)": f"{len(scored)} x {actual.size // len(scored)}",
        "90 % interval holds, pooled": f"{coverage(pooled):.1%}",
        "the same, lowest and highest ticker": f"{min(holds):.1%} to {max(holds):.1%}",
        "the same, most turbulent fifth of days": f"{scores.coverage(*cut(pooled, turbulent)):.1%}",
        "the same: last 252 returns, EWMA, served baseline": ", ".join(
            f"{coverage(baselines[name]):.1%}" for name in BASELINES
        ),
        "the same, sessions without and with a report": reports_apart(scored, [one.model for one in scored]),
        "the same, below and above it": f"{np.mean(actual < pooled.lower):.1%}, {np.mean(actual > pooled.upper):.1%}",
        "interval score (lower is better)": f"{interval_score(pooled):.4f}",
    }
    for name, called in zip(BASELINES, ("last 252 returns", "EWMA 0.94", "the served baseline"), strict=True):
        others = [one.baselines[name] for one in scored]
        theirs = interval_score(pool(others))
        found[f"better than {called}"] = f"{gain(scored, [one.model for one in scored], others)} ({theirs:.4f})"
    return found | {
        "mean absolute error over that of no change": (
            f"{scores.mean_absolute_error(pooled.median, actual) / no_change:.4f} (no change {no_change:.2%},"
            f" drift {scores.mean_absolute_error(drift, actual) / no_change:.4f})"
        ),
        "direction right (always up)": f"{accuracy:.1%} ± {error:.1%} ({np.mean(actual > 0):.1%})",
        "Brier score (base rate of the last 252)": (
            f"{scores.brier_score(pooled.probability_up, actual):.4f} ({scores.brier_score(rate, actual):.4f})"
        ),
        "calibration error of the probability": f"{scores.calibration_error(pooled.probability_up, actual):.1%}",
        "rank correlation across tickers, daily mean": f"{rank_correlation(scored):+.3f}",
    }


def pool(evaluations: list[Evaluation]) -> Evaluation:
    """All rows of all tickers as one."""
    return Evaluation(*(np.concatenate([getattr(one, name) for one in evaluations]) for name in Evaluation.__slots__))


def coverage(evaluation: Evaluation) -> float:
    """Share of the returns inside their interval."""
    return scores.coverage(evaluation.lower, evaluation.upper, evaluation.actual)


def cut(evaluation: Evaluation, chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[FloatArray, ...]:
    """Interval and return of the chosen rows."""
    return evaluation.lower[chosen], evaluation.upper[chosen], evaluation.actual[chosen]


def interval_score(evaluation: Evaluation) -> float:
    """Mean interval score."""
    return float(np.mean(interval_scores(evaluation.lower, evaluation.upper, evaluation.actual)))


def rank_correlation(scored: list[Scored]) -> float:
    """Mean over the days of the correlation across tickers between the ranks of forecasts and returns."""
    days = min(one.model.row.size for one in scored)
    expected = np.array([one.model.median[-days:] for one in scored]).argsort(axis=0).argsort(axis=0)
    happened = np.array([one.model.actual[-days:] for one in scored]).argsort(axis=0).argsort(axis=0)
    centred = [ranks - ranks.mean(axis=0) for ranks in (expected, happened)]
    size = np.sqrt((centred[0] ** 2).sum(axis=0) * (centred[1] ** 2).sum(axis=0))
    return float(np.mean((centred[0] * centred[1]).sum(axis=0) / size))


def gain(scored: list[Scored], ours: list[Evaluation], theirs: list[Evaluation]) -> str:
    """By which share our interval score is lower, with its standard error; a gain below two errors is unproven."""
    daily = [daily_scores(scored, made) for made in (ours, theirs)]
    value, error = scores.relative_gain(*daily)
    return f"{value:+.1%} ± {error:.1%}" + ("" if abs(value) >= 2 * error else " unproven")


def gain_of_years(scored: list[Scored], ours: list[Evaluation], theirs: list[Evaluation]) -> str:
    """The gain on the sessions that the delays of filings were learnt on, and on those after."""
    chosen = scored[0].made_on < LEARNT_UNTIL
    daily = [daily_scores(scored, made) for made in (ours, theirs)]
    gains = [scores.relative_gain(*(one[part] for one in daily))[0] for part in (chosen, ~chosen) if part.any()]
    return ", ".join(f"{value:+.1%}" for value in gains)


def daily_scores(scored: list[Scored], made: list[Evaluation]) -> FloatArray:
    """Mean interval score of the tickers on each session, shape (m,); they share their last m sessions."""
    days = min(one.made_on.size for one in scored)
    each = [interval_scores(one.lower, one.upper, one.actual)[-days:] for one in made]
    return np.asarray(np.mean(each, axis=0))


def reports_apart(scored: list[Scored], made: list[Evaluation]) -> str:
    """Coverage of the sessions without and with a report within the horizon."""
    reported, pooled = np.concatenate([one.reported for one in scored]), pool(made)
    parts = [scores.coverage(*cut(pooled, part)) if part.any() else np.nan for part in (~reported, reported)]
    return f"{parts[0]:.1%}, {parts[1]:.1%} of {reported.sum()}"


def report_table(by_horizon: dict[int, list[Scored]]) -> str:
    """Markdown: what report dates are worth, one line for each horizon and variant."""
    names = ("sessions", "report dates", "better than EWMA", "to and after 2023-02", "better than without dates")
    lines = ["| " + " | ".join((*names, "interval holds, without and with a report")) + " |", "| --- " * 6 + "|"]
    for horizon, scored in by_horizon.items():
        ewma, without = [one.baselines["ewma"] for one in scored], [one.variants["none"] for one in scored]
        for name, words in VARIANTS.items():
            made = [one.variants[name] for one in scored]
            cells = (gain(scored, made, ewma), gain_of_years(scored, made, ewma), gain(scored, made, without))
            lines.append("| " + " | ".join((str(horizon), words, *cells, reports_apart(scored, made))) + " |")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--bars", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--reports", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="ticker,filed_on[,timing]"
)
@click.option("--horizons", default="1,5,21", show_default=True)
def main(bars: Path, reports: Path | None, horizons: str) -> None:
    """Print the tables."""
    settings = configuration.load()
    config = evaluation_config(settings)
    series = []
    for path in sorted(bars.glob("*.csv")):
        read = parse_csv(path.read_bytes(), path.stem, str(path))
        series.append(split_adjusted(read, read.bars.session[-1]).bars)
    found = report_files.parse_csv(reports.read_bytes(), str(reports), datetime.now(UTC)) if reports else {}
    dates = {one.ticker: found.get(one.ticker, ReportDates(one.ticker)) for one in series}
    sessions = Sessions.open(settings.exchange, settings.home).session
    work, by_horizon = joblib.Parallel(n_jobs=-1), {}
    for horizon in (int(text) for text in horizons.split(",")):
        (shared,) = share([config], series, horizon, Engine())
        by_horizon[horizon] = list(work(joblib.delayed(score)(one, horizon, shared, sessions, dates) for one in series))
    first, last = series[0].session[-SESSIONS], series[0].session[-1]
    click.echo(f"{len(series)} tickers, made on {first} to {last}, refit every {config.refit_every} sessions\n")
    click.echo(table(by_horizon))
    if found:
        click.echo(f"\n{report_table(by_horizon)}")
    members = {horizon: [one.risk for one in scored] for horizon, scored in by_horizon.items()}
    click.echo(f"\nValue at risk of all tickers in equal parts:\n\n{risk_table(members)}")


if __name__ == "__main__":
    main()
