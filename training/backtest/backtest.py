"""Backtest the forecasts of a recipe: trades at the next open, after costs, and allowing for all that was tried."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from configuration import Settings
from training.backtest.overfitting import probability_of_overfitting
from training.backtest.panel import Member, Panel, member, panel
from training.backtest.pictures import pictures
from training.backtest.portfolio import trade
from training.backtest.results import Result, results, table
from training.backtest.strategies import STRATEGIES, TARGET_VOLATILITY
from training.errors import NoBacktest
from training.execution.engine import Engine
from training.execution.loading import chunks, load, report_schedules
from training.execution.pooling import Pools
from training.execution.run import training_configs
from training.mlflow_registry.runs.runs import Runs
from training.mlflow_registry.runs.views import BACKTEST, backtest_view

# Basis points of what is bought and sold.
COSTS = (0, 5, 10)
CHARTS = ("sharpe", "gain", "deflated_sharpe", "annual_return", "drawdown", "turnover")


@dataclass(frozen=True, slots=True)
class Backtest:
    """What was found.

    Attributes:
        results: of each strategy at each of COSTS.
        overfitting: by cost, the probability that the best strategy of one half is below the median in the other.
        trials: that the deflated Sharpe ratios allow for: recipes tried in MLflow times strategies.
        first, last: sessions on whose closes the first and the last forecast were made.
        simulated: whether the prices are invented.
        page: path in MLflow's UI.
    """

    results: list[Result]
    overfitting: dict[int, float]
    trials: int
    first: str
    last: str
    simulated: bool
    page: str


def backtest(
    settings: Settings, recipe: str, tickers: Sequence[str], on_ticker: Callable[[], None] = lambda: None
) -> Backtest:
    """Trade on the forecasts of `recipe`, one session ahead.

    Args:
        on_ticker: called after each ticker's walk-forward.

    Raises:
        ConfigurationError: there is no such recipe.
        NoBacktest: a ticker has no bars or too few of them.
        TooFewSessions: the tickers have too few sessions in common.
        RegistryError: MLflow could not be reached.
    """
    runs = Runs(settings)
    members, simulated = _members(settings, recipe, tickers, on_ticker)
    forecasts = panel(members)
    shares = {name: strategy(forecasts) for name, strategy in STRATEGIES.items()}
    accounts = {
        cost: {name: trade(one, forecasts.held, cost / 10_000) for name, one in shares.items()} for cost in COSTS
    }
    returns = {cost: np.column_stack([one.returns for one in by.values()]) for cost, by in accounts.items()}
    overfitting = {cost: probability_of_overfitting(one) for cost, one in returns.items()}
    tags = {"recipe": recipe, "tickers": ",".join(tickers), "simulated": str(simulated).lower()}
    with runs.pipeline_run("backtest", tags) as run_id:
        trials = max(runs.recipes_tried(), 1) * len(STRATEGIES)
        found = [one for cost in COSTS for one in results(accounts[cost], cost, trials)]
        for one in found:
            parameters = {"strategy": one.strategy, "cost_basis_points": one.cost_basis_points, "recipe": recipe}
            runs.log_scores(f"{one.strategy} {one.cost_basis_points} bp", tags, parameters, one.figures())
        figures = {f"overfitting_{cost}": chance for cost, chance in overfitting.items()} | {"trials": float(trials)}
        runs.log_overview(
            _parameters(forecasts, recipe), figures, pictures(forecasts.session, accounts, found), table(found)
        )
        page = runs.show(BACKTEST, backtest_view(run_id, CHARTS))
    first, last = (str(forecasts.session[place]) for place in (0, -1))
    return Backtest(found, overfitting, trials, first, last, simulated, page)


def _parameters(forecasts: Panel, recipe: str) -> dict[str, object]:
    return {
        "recipe": recipe,
        "tickers": len(forecasts.tickers),
        "sessions": forecasts.session.size,
        "first": str(forecasts.session[0]),
        "last": str(forecasts.session[-1]),
        "target_volatility": TARGET_VOLATILITY,
    }


def _members(
    settings: Settings, recipe: str, tickers: Sequence[str], on_ticker: Callable[[], None]
) -> tuple[list[Member], bool]:
    """The walk-forward of every ticker, and whether any of their prices are invented."""
    members, simulated = [], False
    for found, is_simulated in _walked(settings, recipe, tickers):
        if isinstance(found, str):
            raise NoBacktest(found)
        members.append(found)
        simulated |= is_simulated
        on_ticker()
    return members, simulated


def _walked(settings: Settings, recipe: str, tickers: Sequence[str]) -> Iterator[tuple[Member | str, bool]]:
    engine = Engine(processes=settings.training.processes)
    pools = Pools(settings, training_configs(settings, [recipe]), engine)
    for chunk in chunks(tickers):
        bars, missing = load(settings, chunk)
        yield from ((reason, False) for reason in missing.values())
        schedules = report_schedules(settings, list(bars))
        calls = [
            (one, config, schedules[one.ticker])
            for one in bars.values()
            for config in pools.configs_for(1, simulated=one.simulated)
        ]
        with closing(engine.map(member, calls)) as walked:
            for (one, *_), found in zip(calls, walked, strict=True):
                yield found, one.simulated
