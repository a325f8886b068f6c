"""One execution of the pipeline over many models: train side by side, then register and publish one by one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import joblib

from configuration import Settings
from forecasting.card import Metrics
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from training.errors import TrainingError
from training.pipeline import Plan, Trained, attempt
from training.publish import prepare, publish
from training.registry import Registry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model.

    Attributes:
        problem: why there is no new model; null when there is.
    """

    ticker: str
    horizon: int
    version: int | None = None
    metrics: Metrics | None = None
    simulated: bool = False
    problem: str | None = None


Task = tuple[Bars, int]


def plan_of(settings: Settings) -> Plan:
    """How the configuration says to train."""
    return Plan(settings.training.refit_every, settings.training.tested, settings.training.seed)


def run(
    settings: Settings,
    tickers: Sequence[str],
    horizons: Sequence[int],
    on_outcome: Callable[[Outcome], None],
) -> list[Outcome]:
    """Train, register and publish every ticker at every horizon; a failure concerns its own model alone.

    Args:
        on_outcome: called after each model.

    Raises:
        RegistryError: MLflow could not be reached at all.
    """
    registry = Registry(settings)
    bars, outcomes = _load(settings, tickers, horizons)
    for outcome in outcomes:
        on_outcome(outcome)
    with registry.pipeline_run("pipeline", {"tickers": ",".join(tickers)}):
        tasks = [(bars[ticker], horizon) for horizon in horizons for ticker in bars]
        for (series, horizon), trained in _train_all(tasks, settings):
            outcome = _finish(registry, series, horizon, trained)
            outcomes.append(outcome)
            on_outcome(outcome)
    return outcomes


def run_one(settings: Settings, ticker: str, horizon: int) -> Outcome:
    """The same for one model, within this process: what a retraining does."""
    bars, outcomes = _load(settings, [ticker], [horizon])
    if outcomes:
        return outcomes[0]
    registry = Registry(settings)
    with registry.pipeline_run(f"refit {ticker}", {"tickers": ticker}):
        return _finish(registry, bars[ticker], horizon, attempt(bars[ticker], horizon, plan_of(settings)))


def _load(settings: Settings, tickers: Sequence[str], horizons: Sequence[int]) -> tuple[dict[str, Bars], list[Outcome]]:
    """The newest bars of each ticker, and an outcome for each model that must do without."""

    async def load_all() -> dict[str, Bars | MarketError]:
        market = Market.open(settings)
        found: dict[str, Bars | MarketError] = {}
        for ticker in tickers:
            try:
                found[ticker] = (await market.fetch(ticker)).bars
            except MarketError as error:
                found[ticker] = error
        await market.close()
        return found

    found = asyncio.run(load_all())
    bars = {ticker: series for ticker, series in found.items() if isinstance(series, Bars)}
    failed = [
        Outcome(ticker, horizon, problem=str(error))
        for ticker, error in found.items()
        if isinstance(error, MarketError)
        for horizon in horizons
    ]
    return bars, failed


def _train_all(tasks: Sequence[Task], settings: Settings) -> Iterator[tuple[Task, Trained | str]]:
    processes = settings.training.processes or joblib.cpu_count()
    plan = plan_of(settings)
    work = joblib.Parallel(n_jobs=min(processes, max(len(tasks), 1)), return_as="generator")
    yield from zip(tasks, work(joblib.delayed(attempt)(bars, horizon, plan) for bars, horizon in tasks), strict=True)


def _finish(registry: Registry, bars: Bars, horizon: int, trained: Trained | str) -> Outcome:
    if isinstance(trained, str):
        return Outcome(bars.ticker, horizon, problem=trained)
    try:
        registered = registry.record(trained)
        card, forest = prepare(registered)
        registry.make_champion(bars.ticker, horizon, registered.version)
        publish(card, forest)
    except TrainingError as error:
        return Outcome(bars.ticker, horizon, problem=str(error))
    return Outcome(bars.ticker, horizon, registered.version, trained.metrics, bars.simulated)
