"""One execution of the pipeline over many models: train side by side, then decide, register and publish one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from configuration import Settings
from forecasting.metrics import Metrics
from market.bars import Bars
from training.engine import Engine
from training.errors import Deviation, TrainingError
from training.learning.pipeline import Trained, TrainingConfig, attempt, recipe
from training.learning.promotion import decide
from training.loading import chunks, load
from training.mlflow_registry.registry import Registered, Registry
from training.publishing.operations import newest_card, release
from training_queue.jobs import Status, TrainingJobs

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model.

    Attributes:
        promoted: whether it serves now.
        reason: of the decision, or of the failure.
        version: null when it failed.
    """

    ticker: str
    horizon: int
    promoted: bool
    reason: str
    version: int | None = None
    metrics: Metrics | None = None
    skill: float | None = None
    simulated: bool = False

    @property
    def failed(self) -> bool:
        """Whether there is no new version at all."""
        return self.version is None

    @property
    def status(self) -> Status:
        """As the list of trainings has it."""
        return "failed" if self.failed else "promoted" if self.promoted else "kept"

    @property
    def told(self) -> str:
        """The reason, with the version it is about."""
        return self.reason if self.failed else f"version {self.version}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train.

    Attributes:
        resume: leave out the models that were trained on these very bars and published, or kept back with this recipe.
        on_outcome: called after each model.
        on_left_out: called with ticker and horizon of each model that is left out.
    """

    tickers: Sequence[str]
    horizons: Sequence[int]
    engine: Engine = field(default_factory=Engine)
    resume: bool = False
    on_outcome: Callable[[Outcome], None] = lambda _outcome: None
    on_left_out: Callable[[str, int], None] = lambda _ticker, _horizon: None


def run(settings: Settings, order: RunRequest) -> list[Outcome]:
    """Train, register, decide on and publish every ticker at every horizon; a failure concerns its own model alone.

    Raises:
        RegistryError: MLflow could not be reached at all.
        NoScheduler: the cluster could not be reached.
    """
    registry, jobs = Registry(settings), TrainingJobs(settings.home)
    outcomes = []
    with registry.pipeline_run("pipeline", {"tickers": ",".join(order.tickers)[:5000]}):
        for tickers in chunks(order.tickers):
            for outcome in _chunk(settings, registry, order, tickers):
                outcomes.append(outcome)
                jobs.note(outcome.ticker, outcome.horizon, outcome.status, outcome.told)
                order.on_outcome(outcome)
        registry.summarize(_totals(outcomes))
        if outcomes and all(outcome.failed for outcome in outcomes):
            registry.fail([outcome.reason for outcome in outcomes])
    return outcomes


def run_one(settings: Settings, ticker: str, horizon: int, asked_at: datetime | None = None) -> Outcome:
    """The same for one model, within this process: what a retraining does.

    Args:
        asked_at: when a person asked for it: bars from before are fetched anew, once for all horizons, and it is
            trained although it was rejected on these very bars before. None: nobody did.
    """
    bars, failures = load(settings, [ticker], asked_at)
    if ticker in failures:
        return Outcome(ticker, horizon, promoted=False, reason=failures[ticker])
    registry = Registry(settings)
    try:
        if asked_at is None and (version := _rejected_before(settings, registry, bars[ticker], horizon)):
            return Outcome(ticker, horizon, promoted=False, reason="rejected on the same bars before", version=version)
        with registry.pipeline_run(f"refit {ticker}-{horizon}", {"tickers": ticker}):
            trained = attempt(bars[ticker], horizon, training_config(settings))
            outcome = _finish(settings, registry, bars[ticker], horizon, trained)
            if outcome.failed:
                registry.fail([outcome.reason])
    except TrainingError as error:
        return Outcome(ticker, horizon, promoted=False, reason=str(error))
    return outcome


def _totals(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """What the run of the whole execution shows."""
    skills = [outcome.skill for outcome in outcomes if outcome.skill is not None]
    totals: dict[str, float] = {
        "models_promoted": sum(outcome.promoted for outcome in outcomes),
        "models_rejected": sum(not (outcome.promoted or outcome.failed) for outcome in outcomes),
        "models_failed": sum(outcome.failed for outcome in outcomes),
    }
    return totals | ({"mean_skill_over_last_252": sum(skills) / len(skills)} if skills else {})


def training_config(settings: Settings) -> TrainingConfig:
    """How the configuration says to train."""
    return TrainingConfig(settings.training.refit_every, settings.training.tested, settings.training.seed)


def _chunk(settings: Settings, registry: Registry, order: RunRequest, tickers: Sequence[str]) -> Iterator[Outcome]:
    bars, failures = load(settings, tickers, datetime.now(UTC))
    for ticker, reason in failures.items():
        yield from (Outcome(ticker, horizon, promoted=False, reason=reason) for horizon in order.horizons)
    plan = training_config(settings)
    calls = [(series, horizon, plan) for horizon in order.horizons for series in bars.values()]
    if order.resume:
        calls = [call for call in calls if not _is_left_out(settings, registry, order, *call[:2])]
    results = order.engine.map(attempt, calls)
    for (series, horizon, _), trained in zip(calls, results, strict=True):
        try:
            yield _finish(settings, registry, series, horizon, trained)
        except Exception as error:  # one model's trouble is never another's
            log.exception("training.failed", ticker=series.ticker, horizon=horizon)
            reason = f"{series.ticker}: {type(error).__name__}: {error}; the log has the traceback"
            yield Outcome(series.ticker, horizon, promoted=False, reason=reason)


def _is_left_out(settings: Settings, registry: Registry, order: RunRequest, bars: Bars, horizon: int) -> bool:
    is_done = _is_done(settings, registry, bars, horizon)
    if is_done:
        order.on_left_out(bars.ticker, horizon)
    return is_done


def _is_done(settings: Settings, registry: Registry, bars: Bars, horizon: int) -> bool:
    card = newest_card(settings, bars.ticker, horizon)
    if card is not None and card.bars_sha256 == bars.fingerprint():
        return True
    return _rejected_before(settings, registry, bars, horizon) is not None


def _rejected_before(settings: Settings, registry: Registry, bars: Bars, horizon: int) -> int | None:
    """The newest version, if it was rejected on these bars with this recipe."""
    standing = registry.standing(bars.ticker, horizon)
    same = (bars.fingerprint(), recipe(training_config(settings), horizon))
    is_rejected = standing.decision == "rejected" and (standing.bars_sha256, standing.recipe) == same
    return standing.newest if is_rejected else None


def _finish(settings: Settings, registry: Registry, bars: Bars, horizon: int, trained: Trained | str) -> Outcome:
    """Register, decide, and publish what is promoted; until the last step the old champion serves."""
    ticker = bars.ticker
    if isinstance(trained, str):
        return Outcome(ticker, horizon, promoted=False, reason=trained)
    try:
        champion = registry.champion_candidate(ticker, horizon, simulated=bars.simulated)
        margin = settings.training.promotion_margin
        decision = decide(trained.candidate, trained.baselines["baseline"], champion, horizon, margin)
        registered = registry.record(trained)
        registry.write_decision(ticker, horizon, registered.version, decision)
        if decision.promoted:
            _release(registry, registered)
    except TrainingError as error:
        return Outcome(ticker, horizon, promoted=False, reason=str(error))
    return Outcome(
        ticker,
        horizon,
        decision.promoted,
        decision.reason,
        registered.version,
        trained.metrics,
        trained.comparison["skill_over_last_252"],
        bars.simulated,
    )


def _release(registry: Registry, registered: Registered) -> None:
    try:
        release(registry, registered)
    except Deviation as error:
        card = registered.card
        registry.overrule(card.ticker, card.horizon, registered.version, "failed", str(error))
        raise
