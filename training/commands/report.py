"""Tables on the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from market.history.past import KnownBy
from training.backtest.backtest import Backtest
from training.commands.tables import compact_table, print_lines
from training.comparison.lines import Line
from training.execution.out_of_sample import Evaluated
from training.execution.outcome import Outcome
from training.execution.past_forecast import Said
from training.search.search import Found

GAIN = "gain: share by which the interval score is below that of the last 252 returns' quantiles, out of sample"
HEADINGS = (
    "ticker",
    "horizon",
    "recipe",
    "version",
    "gain",
    "error over\nno change",
    "90 %\nholds",
    "seconds",
    "outcome",
)
HOLDS = "90 % holds: share of the outcomes that were inside the 90 % interval"
OUTCOMES = (GAIN, "error over no change: mean absolute error, as a multiple of that of a price that stays", HOLDS)
COMPARISON = (
    HOLDS,
    "CRPS: score of the whole distribution, less is better; seconds of the processor; kB of the ONNX file",
)
BACKTEST = (
    "gain: in the Sharpe ratio over equal_weight at the same cost; 95 % intervals stand below both",
    "turnover: bought and sold in a year, in portfolios; drawdown: largest loss from a peak",
)
EVALUATION = (
    "interval score: mean width of the interval, as a return, with a penalty for what falls outside; less is better",
    "gains: share by which it is below that of the last 252 returns' quantiles, and of EWMA volatility",
)


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """One row for each model, and what the columns mean."""
    table = compact_table(*HEADINGS, title="Models")
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)
    print_lines([*OUTCOMES, _prices(outcomes)], console)


def _prices(outcomes: Sequence[Outcome]) -> str:
    """Of which kind of prices the models are, and which are not of real ones where both are there."""
    trained = [one for one in outcomes if not one.failed]
    simulated = list(dict.fromkeys(one.ticker for one in trained if one.simulated))
    if all(one.simulated for one in trained):
        return "prices: simulated"
    return f"prices: real, but simulated of {', '.join(simulated)}" if simulated else "prices: real"


def print_past(said: Said, console: Console) -> None:
    """One row, in prices; what it was made from below it."""
    forecast, history = said.forecast, said.known.history
    close, made_on = float(history.bars.close[-1]), history.bars.session[-1]
    prices = [f"{close * (1 + change):.4f}" for change in (forecast.median, forecast.lower, forecast.upper)]
    headings = ("ticker", "made on", "target on", "close", "median", "lower", "upper", "rises")
    ahead = f"{forecast.horizon} session{'s' if forecast.horizon > 1 else ''} ahead"
    table = compact_table(*headings, title=f"{ahead}, as of {history.moment:%Y-%m-%d %H:%M} UTC")
    target_on = said.known.sessions.after(made_on, forecast.horizon)
    table.add_row(
        *(history.bars.ticker, str(made_on), str(target_on), f"{close:.4f}"), *prices, f"{forecast.probability_up:.1%}"
    )
    console.print(table)
    print_lines([f"model: {said.made_by}", f"prices: {_known_by(said)}"], console)


def _known_by(said: Said) -> str:
    bars = {
        KnownBy.FETCH_TIME: "bars that had been fetched by then",
        KnownBy.SESSION_DATE: "today's bars up to that session, since none had been stored by then",
    }[said.known.history.known_by]
    later = "; no model was champion by then: this one was fitted later" if said.fitted_later else ""
    return f"{said.known.history.bars.source}: {bars}{later}"


def print_evaluation(evaluated: Sequence[Evaluated], console: Console) -> None:
    """One row for each ticker and horizon that was evaluated, and their means; gains are in the interval score."""
    headings = ("ticker", "horizon", "sessions", "90 %\nholds", "on report\nsessions", "interval\nscore")
    gains = ("gain over\nlast 252", "gain over\nEWMA")
    table = compact_table(*headings, *gains, "prices", title="Out of sample")
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
        print_lines([HOLDS, *EVALUATION], console)


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
    headings = ("recipe", "horizon", "tickers", "score", "gain, %", "90 %\nholds", "CRPS")
    table = compact_table(*headings, "seconds", "kB", title="Comparison")
    for line in lines:
        means = line.means
        scores = (f"{means['interval_score']:.5f}", _gain(line), f"{means['coverage']:.1%}", f"{means['crps']:.5f}")
        size = (f"{means['seconds']:.1f}", f"{means['onnx_bytes'] / 1000:.0f}")
        table.add_row(line.recipe, str(line.horizon), str(line.tickers), *scores, *size)
    console.print(table)
    gain = f"gain: share by which it is below that of {reference}, above its 95 % interval; unproven where that has 0"
    print_lines(["score: mean interval score, less is better", gain, *COMPARISON], console)


def print_backtest(found: Backtest, console: Console) -> None:
    """A table for each cost, one row for each strategy; gains are in the Sharpe ratio over equal weight."""
    kind = "simulated" if found.simulated else "real"
    console.print(f"Backtest on {kind} prices, {found.first} to {found.last}")
    for cost in dict.fromkeys(one.cost_basis_points for one in found.results):
        console.print(_backtest_table(found, cost))
    chances = ", ".join(f"{chance:.0%} at {cost} bp" for cost, chance in found.overfitting.items())
    deflated = f"probability that the true ratio is above the luckiest of {found.trials} trials"
    lines = (*BACKTEST, f"deflated: {deflated}", f"probability of overfitting: {chances}")
    print_lines(lines, console)


def _backtest_table(found: Backtest, cost: int) -> Table:
    headings = ("strategy", "a year", "volatility", "Sharpe\nratio", "gain", "turnover", "drawdown", "deflated")
    table = compact_table(*headings, title=f"Costs of {cost} bp")
    for one in found.results:
        if one.cost_basis_points == cost:
            sharpe = f"{one.sharpe:.2f}\n{one.sharpe_lower:.2f}, {one.sharpe_upper:.2f}"
            gain = f"{one.gain:+.2f}\n{one.gain_lower:+.2f}, {one.gain_upper:+.2f}" if one.gain else ""
            money = (f"{one.annual_return:+.1%}", f"{one.annual_volatility:.1%}")
            risk = (f"{one.turnover:.1f}", f"{one.drawdown:.1%}", f"{one.deflated_sharpe:.2f}")
            table.add_row(one.strategy.replace("_", "_\n", 1), *money, sharpe, gain, *risk)
    return table


def print_search(found: Found, console: Console) -> None:
    """The best hyperparameters beside those of the configuration."""
    title = f"Best of {found.trials} trials on sessions up to {found.last_session}"
    table = compact_table("hyperparameter", "configured", "best", title=title)
    for name, value in found.configured.items():
        table.add_row(name, f"{value:.5g}", f"{found.best[name]:.5g}")
    table.add_row("gain", f"{found.configured_score:+.2%}", f"{found.score:+.2%}", style="bold")
    console.print(table)
    print_lines([GAIN], console)


def _gain(line: Line) -> str:
    gain = line.gain
    if gain is None:
        return ""
    share, lower, upper = (f"{100 * value:+.2f}" for value in (gain.share, gain.lower, gain.upper))
    return f"{share}\n{lower}, {upper}"


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.metrics is None or outcome.skill is None:
        return outcome.ticker, str(outcome.horizon), outcome.recipe, *("",) * 5, "[red]failed"
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
        "[green]promoted" if outcome.promoted else "[yellow]rejected",
    )
