"""The experiments of this worker: which model answers, and what starts, stops and promotes them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from configuration import Settings
from forecasting.card import challenger_name
from forecasting.model_store import PublishedModel, newest_folder
from serving.contract.problems import not_found
from serving.experiments.assignment import answered_tickers
from serving.experiments.replicas import Replicas
from serving.experiments.states import ExperimentStates, State, Status, moved
from serving.experiments.trial import Arm, Trial
from serving.models.champions import Champions, OnSwap, TryModel

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 0.5


class Experiments:
    """Stands before the champions: a canary's challenger answers where it may, the champion behind it everywhere else.

    A challenger that fails on what it is asked ends its experiment at once; the champion gives that very answer.

    Attributes:
        trials: the configured experiments.
        replicas: others, that may start and stop the same experiments.
        changes: how often any of them, or a challenger, has changed.
    """

    def __init__(
        self,
        settings: Settings,
        champions: Champions,
        states: ExperimentStates,
        roots: Sequence[Path],
        attempt: TryModel,
        *,
        replicas: Replicas,
    ) -> None:
        """Run what is configured.

        Args:
            roots: of published models, the challengers' among them.
            attempt: raises for a challenger that cannot answer.
            replicas: as the attribute.
        """
        self._champions = champions
        self._roots = roots
        self._states = states
        self.replicas = replicas
        self._on_change: list[OnSwap] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._changed_at = 0
        self.changes = 0
        self.trials: list[Trial] = []
        for one in settings.serving.experiments:
            keys = sorted(one.keys(settings.tickers, settings.horizons))
            challengers = Champions(roots, keys, attempt, name_of=_named(one.name), experiment=one.name)
            challengers.on_swap(self._tell)
            answered = answered_tickers(one, {ticker for ticker, _ in keys})
            self.trials.append(Trial(one, frozenset(keys), answered, challengers))
        # No two canaries share a ticker and horizon.
        self._canaries = {key: trial for trial in self.trials if trial.experiment.is_canary for key in trial.keys}
        self.take_over(states.read())

    def get(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The model that answers, if there is one."""
        champion = self._champions.get(ticker, horizon)
        trial = self._canaries.get((ticker, horizon))
        challenger = trial.answers(ticker, horizon) if trial else None
        if challenger and (champion is None or challenger.card.simulated == champion.card.simulated):
            return challenger
        return champion

    async def find(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The same; a champion that was not tried yet is tried now."""
        await self._champions.find(ticker, horizon)
        return self.get(ticker, horizon)

    def behind(self, published: PublishedModel) -> PublishedModel | None:
        """The champion behind a challenger that could not answer; None when `published` is the champion."""
        if self.trial_of(published) is None:
            return None
        return self._champions.get(published.card.ticker, published.card.horizon)

    def withdraw(self, published: PublishedModel, reason: str) -> None:
        """Serve a model no longer, because it failed for `reason`; a challenger's experiment is stopped."""
        trial = self.trial_of(published)
        if trial is None:
            self._champions.withdraw(published, reason)
        elif trial.runs:
            self.move(trial, "stopped", f"its challenger failed where the champion answers: {reason}")

    def trial_of(self, published: PublishedModel) -> Trial | None:
        """The experiment whose challenger `published` is, if it is one."""
        key = published.card.ticker, published.card.horizon
        name = published.folder.parent.name
        return next((one for one in self.trials if _named(one.name)(*key).lower() == name), None)

    def challenger_answering(self, ticker: str, horizon: int) -> tuple[Trial, PublishedModel] | None:
        """The challenger that answers in the champion's place, and its experiment, if one does."""
        published = self.get(ticker, horizon)
        trial = self.trial_of(published) if published else None
        return (trial, published) if trial and published else None

    def is_swapping(self, ticker: str, horizon: int) -> bool:
        """Whether a champion was published that does not serve yet; one that is refused is not waited for."""
        champion, newest = self._champions.get(ticker, horizon), newest_folder(self._roots, ticker, horizon)
        refused = self._champions.refusal(ticker, horizon) is not None
        return newest is not None and not refused and (champion is None or champion.folder != newest)

    def arm(self, ticker: str, horizon: int, tag: str) -> str:
        """Experiment and arm of the model `tag` that answered; empty where no canary runs."""
        trial = self._canaries.get((ticker, horizon))
        if trial is None or not trial.runs:
            return ""
        is_challenger = tag.startswith(challenger_name(trial.name, ticker, horizon).lower())
        arm: Arm = "challenger" if is_challenger else "champion"
        return f"{trial.name}/{arm}"

    def named(self, name: str) -> Trial:
        """The experiment of this name.

        Raises:
            Problem: 404 when none is configured.
        """
        for trial in self.trials:
            if trial.name == name:
                return trial
        raise not_found("There is no such experiment; GET /experiments lists those that are configured.")

    def on_change(self, tell: OnSwap) -> None:
        """Have `tell` called with ticker and horizon whenever another model may answer."""
        self._on_change.append(tell)

    def move(self, trial: Trial, status: Status, reason: str) -> None:
        """Start, stop or end an experiment, at once here, within a second where its home or its Redis is shared."""
        trial.state = moved(trial.state, status, reason)
        log.warning("experiment.moved", experiment=trial.name, status=status, reason=reason, trial=trial.state.trial)
        self._tell_all(trial)
        task = asyncio.create_task(self._keep(trial))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _keep(self, trial: Trial) -> None:
        await asyncio.to_thread(self._states.write, trial.name, trial.state)
        await self.hear_replicas()

    def take_over(self, known: Mapping[str, State]) -> None:
        """Take over what any worker has written, where it is newer."""
        for trial in self.trials:
            state = known.get(trial.name, trial.state)
            if state.changed_at > trial.state.changed_at:
                trial.state = state
                self._tell_all(trial)

    async def follow(self) -> None:
        """Look for new challengers and for what other workers decided, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_states())
            for trial in self.trials:
                group.create_task(trial.challengers.follow())

    async def hear_replicas(self) -> None:
        """Take over, and keep, what another replica decided later; tell what was decided here."""
        for name, state in (await self.replicas.newer_than({one.name: one.state for one in self.trials})).items():
            await asyncio.to_thread(self._states.write, name, state)
            self.take_over({name: state})

    async def _follow_states(self) -> None:
        try:
            while True:
                if self._changed_at != (changed_at := self._states.changed_at()):
                    self._changed_at = changed_at
                    self.take_over(await asyncio.to_thread(self._states.read))
                await self.hear_replicas()
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            await self.replicas.close()

    def _tell(self, ticker: str, horizon: int) -> None:
        self.changes += 1
        for tell in self._on_change:
            tell(ticker, horizon)

    def _tell_all(self, trial: Trial) -> None:
        self.changes += 1
        for key in trial.keys if trial.experiment.is_canary else ():
            self._tell(*key)


def _named(experiment: str) -> Callable[[str, int], str]:
    return lambda ticker, horizon: challenger_name(experiment, ticker, horizon)
