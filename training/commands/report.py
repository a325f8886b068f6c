"""Tables on the terminal."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from market.history.past import KnownBy
from training.backtest.backtest import Backtest
from training.comparison.lines import Line
from training.execution.out_of_sample import Evaluated
from training.execution.outcome import Outcome
from training.execution.past_forecast import Said
from training.mlflow_registry.versions.standings import Standing
from training.search.search import Found

# Columns of a table that is written to a file.
WIDTH = 140
GAIN = "gain: share by which the interval score is below that of the last 252 returns' quantiles, out of sample"
HEADINGS = (
    "ticker",
    "horizon",
    "recipe",
    "version",
    "gain",
    "error/no change",
    "90 % holds",
    "seconds",
    "prices",
    "outcome",
)


def standard_console() -> Console:
    """Of standard output; as wide as the terminal, or as WIDTH in a file."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """One row for each model, why below the table."""
    table = Table(*HEADINGS, title="Models", caption=GAIN)
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)


def print_past(said: Said, console: Console) -> None:
    """One row, in prices; what it was made from below it."""
    forecast, history = said.forecast, said.known.history
    close, made_on = float(history.bars.close[-1]), history.bars.session[-1]
    prices = [f"{close * (1 + change):.4f}" for change in (forecast.median, forecast.lower, forecast.upper)]
    headings = ("ticker", "horizon", "made on", "target on", "close", "median", "lower", "upper", "rises", "model")
    table = Table(*headings, title=f"As of {history.moment:%Y-%m-%d %H:%M} UTC", caption=_known_by(said))
    target_on = said.known.sessions.after(made_on, forecast.horizon)
    table.add_row(
        *(history.bars.ticker, str(forecast.horizon), str(made_on), str(target_on), f"{close:.4f}"),
        *(*prices, f"{forecast.probability_up:.1%}", said.made_by),
    )
    console.print(table)


def _known_by(said: Said) -> str:
    bars = {
        KnownBy.FETCH_TIME: "bars that had been fetched by then",
        KnownBy.SESSION_DATE: "today's bars up to that session, since none had been stored by then",
    }[said.known.history.known_by]
    later = "; no model was champion by then: this one was fitted later" if said.fitted_later else ""
    return f"{said.known.history.bars.source}: {bars}{later}"


def print_standings(standings: Sequence[tuple[str, int, Standing, str]], console: Console) -> None:
    """One row for each model; recipe, decision and scores are those of the newest version, out of sample."""
    headings = (
        "ticker",
        "horizon",
        "champion",
        "published",
        "newest",
        "recipe",
        "decision on it",
        "gain",
        "over baseline",
        "90 % holds",
        "prices",
    )
    table = Table(*headings, "why", title="Registry", caption=GAIN)
    for ticker, horizon, standing, published in standings:
        champion, newest = (str(one) if one is not None else "" for one in (standing.champion, standing.newest))
        gains = [_percent(standing, name, "+.1%") for name in ("skill_over_last_252", "skill_over_baseline")]
        scores = (*gains, _percent(standing, "coverage", ".1%"))
        recipe = standing.scores.get("recipe", "")
        prices = {"true": "simulated", "false": "real"}.get(standing.scores.get("simulated", ""), "")
        row = (ticker, str(horizon), champion, published, newest, recipe, standing.decision, *scores, prices)
        table.add_row(*row, standing.reason)
    console.print(table)


def print_evaluation(evaluated: Sequence[Evaluated], console: Console) -> None:
    """One row for each ticker and horizon that was evaluated, and their means; gains are in the interval score."""
    headings = ("ticker", "horizon", "sessions", "90 % holds", "on report sessions", "interval score")
    table = Table(*headings, "gain over last 252", "gain over EWMA", "prices", title="Out of sample")
    scored = [one for one in evaluated if one.scores]
    for one in scored:
        prices = "simulated" if one.simulated else "real"
        table.add_row(one.ticker, *_evaluation_cells(one.horizon, one.scores), prices)
    for horizon in sorted({one.horizon for one in scored}):
        scores = [one.scores for one in scored if one.horizon == horizon]
        if len(scores) > 1:
            table.add_row("mean", *_evaluation_cells(horizon, _means(scores)), style="bold")
    if scored:
        console.print(table)


def _means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Over the tickers that have each score, each as much as the other."""
    names = {name for one in scores for name in one}
    found = {name: [one[name] for one in scores if name in one] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _evaluation_cells(horizon: int, scores: Mapping[str, float]) -> tuple[str, ...]:
    return (
        str(horizon),
        f"{scores['days']:.0f}",
        f"{scores['coverage']:.1%}",
        f"{scores['report_coverage']:.1%}" if "report_coverage" in scores else "",
        f"{scores['interval_score']:.5f}",
        f"{scores['skill_over_last_252']:+.1%}",
        f"{scores['skill_over_ewma']:+.1%}",
    )


def print_comparison(lines: Sequence[Line], reference: str, console: Console) -> None:
    """One row for each recipe and horizon; gains are over the reference, with 95 % bootstrap intervals."""
    headings = ("recipe", "horizon", "tickers", "interval score", f"gain over {reference}", "90 % holds", "CRPS")
    table = Table(*headings, "seconds", "kB", title="Comparison")
    for line in lines:
        means = line.means
        scores = (f"{means['interval_score']:.5f}", _gain(line), f"{means['coverage']:.1%}", f"{means['crps']:.5f}")
        size = (f"{means['seconds']:.1f}", f"{means['onnx_bytes'] / 1000:.0f}")
        table.add_row(line.recipe, str(line.horizon), str(line.tickers), *scores, *size)
    console.print(table)


def print_backtest(found: Backtest, console: Console) -> None:
    """One row for each strategy and cost; gains are in the Sharpe ratio over equal weight."""
    headings = ("strategy", "cost", "a year", "volatility", "Sharpe ratio", "gain over equal weight", "turnover")
    title = f"Backtest on {'simulated' if found.simulated else 'real'} prices, {found.first} to {found.last}"
    chances = ", ".join(f"{chance:.0%} at {cost} bp" for cost, chance in found.overfitting.items())
    caption = (
        f"deflated: probability that the true ratio is above the luckiest of {found.trials} trials;"
        f" probability of overfitting: {chances}"
    )
    table = Table(*headings, "drawdown", "deflated", title=title, caption=caption)
    for one in found.results:
        sharpe = f"{one.sharpe:.2f} ({one.sharpe_lower:.2f} to {one.sharpe_upper:.2f})"
        gain = f"{one.gain:+.2f} ({one.gain_lower:+.2f} to {one.gain_upper:+.2f})" if one.gain else ""
        money = (f"{one.cost_basis_points} bp", f"{one.annual_return:+.1%}", f"{one.annual_volatility:.1%}")
        risk = (f"{one.turnover:.1f}", f"{one.drawdown:.1%}", f"{one.deflated_sharpe:.2f}")
        table.add_row(one.strategy, *money, sharpe, gain, *risk)
    console.print(table)


def print_search(found: Found, console: Console) -> None:
    """The best hyperparameters beside those of the configuration."""
    title = f"Best of {found.trials} trials on sessions up to {found.last_session}"
    table = Table("hyperparameter", "configured", "best", title=title, caption=GAIN)
    for name, value in found.configured.items():
        table.add_row(name, f"{value:.5g}", f"{found.best[name]:.5g}")
    table.add_row("gain", f"{found.configured_score:+.2%}", f"{found.score:+.2%}", style="bold")
    console.print(table)


def _gain(line: Line) -> str:
    gain = line.gain
    if gain is None:
        return ""
    return f"{gain.share:+.2%} ({gain.lower:+.2%} to {gain.upper:+.2%})" + ("" if gain.is_proven else ", unproven")


def _percent(standing: Standing, score: str, form: str) -> str:
    return format(float(standing.scores[score]), form) if score in standing.scores else ""


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.metrics is None or outcome.skill is None:
        return outcome.ticker, str(outcome.horizon), outcome.recipe, *("",) * 6, "[red]failed"
    metrics = outcome.metrics
    return (
        outcome.ticker,
        str(outcome.horizon),
        outcome.recipe,
        str(outcome.version),
        f"{outcome.skill:+.1%}",
        f"{metrics.val_mae / metrics.baseline_mae:.4f}",
        f"{metrics.coverage:.1%}",
        f"{metrics.training_time:.1f}",
        "simulated" if outcome.simulated else "real",
        "[green]promoted" if outcome.promoted else "[yellow]rejected",
    )
