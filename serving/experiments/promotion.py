"""The way of an experiment's challengers to become champions, which a worker goes and which takes a while."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

from configuration import Settings
from forecasting.card import ModelCard, model_name
from forecasting.next_training import fate_of_recipe
from serving.contract.problems import Problem, unavailable
from serving.experiments.experiments import Experiments
from serving.experiments.trial import Trial
from training_queue.database import QueueUnavailable
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock

RETRY_AFTER_SECONDS = 10


class Promotions:
    """Asks the worker of this machine to promote challengers, and knows which it has not promoted yet."""

    def __init__(
        self, settings: Settings, experiments: Experiments, publications: Publications, worker: WorkerLock
    ) -> None:
        """Ask by `publications`, while `worker` is held."""
        self._settings = settings
        self._experiments = experiments
        self._publications = publications
        self._worker = worker

    async def request(self, trial: Trial) -> None:
        """Ask for the promotion of all challengers of an experiment.

        Raises:
            Problem: 409 when it has no challenger; 503 when no worker lives or the list cannot be written.
        """
        cards = _challengers(trial)
        if not cards:
            raise Problem(HTTPStatus.CONFLICT, f"{trial.name}: there is no challenger that could be promoted.")
        if not self._worker.held():
            raise unavailable(
                "No worker promotes here; `python -m training promote` does by hand.", RETRY_AFTER_SECONDS
            )
        try:
            for card in cards:
                request = self._publications.request_promotion
                await asyncio.to_thread(request, card.ticker, card.horizon, card.version)
        except QueueUnavailable as error:
            raise unavailable(f"The list of trainings cannot be used now: {error}", RETRY_AFTER_SECONDS) from None

    async def under_way(self, trial: Trial) -> list[str]:
        """Names of the models of a promoted experiment whose challenger is not known to be champion and to serve."""
        return await asyncio.to_thread(self._under_way, trial) if trial.state.status == "promoted" else []

    def _under_way(self, trial: Trial) -> list[str]:
        try:
            noted = self._publications.noted()
        except QueueUnavailable:
            noted = {(card.ticker, card.horizon) for card in _challengers(trial)}
        waiting = [key for key in sorted(trial.keys) if key in noted or self._experiments.is_swapping(*key)]
        return [model_name(*key) for key in waiting]

    def warnings(self, trial: Trial) -> list[str]:
        """What the next training does to these challengers once they are champions, one line for each recipe."""
        fates = {card.recipe: fate_of_recipe(self._settings, card.recipe) for card in _challengers(trial)}
        return [f"{trial.name}: {fate}" for fate in fates.values() if fate]


def _challengers(trial: Trial) -> Sequence[ModelCard]:
    return [published.card for key in sorted(trial.keys) if (published := trial.challengers.get(*key))]
