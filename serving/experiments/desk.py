"""Experiments as clients see and move them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from configuration import Experiment, Settings
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.contract.experiments import (
    ChallengerAnswer,
    ExperimentAnswer,
    ExperimentDetails,
    JudgementAnswer,
)
from serving.experiments.experiments import Experiments
from serving.experiments.judgement import Judgement, Pair, judge
from serving.experiments.promotion import Promotions
from serving.experiments.trial import Trial
from serving.models.champions import Key
from serving.monitoring.track_record.track_record import TrackRecord
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

log = structlog.get_logger(__name__)

Action = Literal["start", "stop", "promote"]

JUDGE_EVERY_SECONDS = 300.0
BY_HAND = "by hand"
# The alias that training points at each new version.
CHALLENGER_ALIAS = "challenger"


class ExperimentDesk:
    """Lists, judges, starts, stops and promotes experiments."""

    def __init__(
        self,
        settings: Settings,
        experiments: Experiments,
        *,
        market: Market,
        record: TrackRecord,
        publications: Publications,
        worker: WorkerLock,
    ) -> None:
        self._settings = settings
        self._experiments = experiments
        self._market = market
        self._record = record
        self._promotions = Promotions(settings, experiments, publications, worker)

    def all(self) -> list[ExperimentAnswer]:
        """What is configured, and where it stands."""
        return [ExperimentAnswer(**_described(trial, self._settings)) for trial in self._experiments.trials]

    async def of(self, name: str) -> ExperimentDetails:
        """One experiment with its challengers and what is known of them by now.

        Raises:
            Problem: 404 when there is none of this name.
        """
        trial = self._experiments.named(name)
        judgements = [JudgementAnswer.of(one) for one in await self._judgements(trial)]
        return ExperimentDetails(
            **_described(trial, self._settings),
            answered=sorted(trial.answered) if trial.runs else [],
            challengers=[_challenger(trial, key, self._settings.training.recipes) for key in sorted(trial.keys)],
            judgements=judgements,
            promoting=await self._promotions.under_way(trial),
            warnings=self._promotions.warnings(trial),
        )

    async def move(self, name: str, action: Action) -> ExperimentDetails:
        """Start, stop or promote an experiment.

        Raises:
            Problem: as the method of that name.
        """
        return await {"start": self.start, "stop": self.stop, "promote": self.promote}[action](name)

    async def start(self, name: str) -> ExperimentDetails:
        """Run an experiment that was stopped, with new evidence; one that runs stays as it is.

        Raises:
            Problem: 404.
        """
        trial = self._experiments.named(name)
        if not trial.runs:
            self._experiments.move(trial, "running", BY_HAND)
        return await self.of(name)

    async def stop(self, name: str) -> ExperimentDetails:
        """End an experiment: the champions answer everywhere, nothing is forecast beside them.

        Raises:
            Problem: 404.
        """
        trial = self._experiments.named(name)
        if trial.runs:
            self._experiments.move(trial, "stopped", BY_HAND)
        return await self.of(name)

    async def promote(self, name: str) -> ExperimentDetails:
        """Have the worker make all challengers of an experiment champions, and end it; that takes a while.

        Raises:
            Problem: 404; or as `Promotions.request`.
        """
        trial = self._experiments.named(name)
        await self._promotions.request(trial)
        self._experiments.move(trial, "promoted", BY_HAND)
        return await self.of(name)

    async def follow(self) -> None:
        """Judge what runs again and again, and end what is settled, until cancelled."""
        while True:
            await asyncio.sleep(JUDGE_EVERY_SECONDS)
            for trial in self._experiments.trials:
                try:
                    await self.end_if_settled(trial)
                except Exception:
                    log.exception("experiment.not_judged", experiment=trial.name)

    async def end_if_settled(self, trial: Trial) -> None:
        """Stop an experiment once one arm is known to be better."""
        for judgement in await self._judgements(trial) if trial.runs else ():
            if judgement.verdict != "undecided" and trial.runs:
                told = f"at horizon {judgement.horizon} {judgement.told}, evidence {judgement.evidence:.0f}"
                advice = "; promote it" if judgement.verdict == "challenger" else ""
                self._experiments.move(trial, "stopped", f"{told}{advice}")

    async def _judgements(self, trial: Trial) -> list[Judgement]:
        horizons = sorted({horizon for _, horizon in trial.keys})
        series = [bars async for bars in self._bars(trial)]
        return [
            await asyncio.to_thread(self._judge, trial, horizon, series, tests=len(horizons)) for horizon in horizons
        ]

    def _judge(self, trial: Trial, horizon: int, series: Sequence[Bars], *, tests: int) -> Judgement:
        pairs: list[Pair] = []
        for bars in series:
            if (bars.ticker, horizon) in trial.keys:
                champion = self._record.arm_outcomes(trial.label("champion"), bars, horizon)
                challenger = self._record.arm_outcomes(trial.label("challenger"), bars, horizon)
                both = champion.keys() & challenger.keys()
                pairs += [Pair(champion[day][0], challenger[day][0], champion[day][1]) for day in both]
        return judge(pairs, horizon, tests)

    async def _bars(self, trial: Trial) -> AsyncIterator[Bars]:
        for ticker in sorted({ticker for ticker, _ in trial.keys}):
            try:
                yield (await self._market.history(ticker)).bars
            except MarketError:
                continue  # health says so


def _described(trial: Trial, settings: Settings) -> dict[str, Any]:
    one, state = trial.experiment, trial.state
    return {
        "name": one.name,
        "kind": "canary" if one.is_canary else "shadow",
        "challenger": one.challenger,
        "tickers": list(one.tickers or settings.tickers),
        "horizons": list(one.horizons or settings.horizons),
        "share": one.share,
        "status": state.status,
        "reason": state.reason,
        "trial": state.trial,
        "changed_at": datetime.fromtimestamp(state.changed_at, UTC) if state.changed_at else None,
    }


def _challenger(trial: Trial, key: Key, recipes: Collection[str]) -> ChallengerAnswer:
    published, refusal = trial.challengers.get(*key), trial.challengers.refusal(*key)
    card = published.card if published else None
    missing = None if card else _missing(trial.experiment, recipes)
    return ChallengerAnswer(
        ticker=key[0],
        horizon=key[1],
        model_type=card.model_type if card else None,
        recipe=card.recipe if card else None,
        version=card.version if card else None,
        run_id=card.run_id if card else None,
        problem=refusal or missing,
    )


def _missing(experiment: Experiment, recipes: Collection[str]) -> str:
    """Why there is no challenger, as far as a service knows that does not ask MLflow."""
    named = experiment.challenger
    if named.isdigit() or named in recipes or named == CHALLENGER_ALIAS:
        return "nothing is published yet; run `python -m training publish`"
    return (
        f"there is no recipe {named} among {', '.join(recipes)}, and no version with the alias {named} was published;"
        " name a version, a recipe, or an alias that MLflow has, and run `python -m training publish`"
    )
