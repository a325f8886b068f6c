"""Recipes that learn from the data sets of all tickers at once: one model, however many tickers it serves."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import PositiveInt, PrivateAttr

from market.bars import SessionArray
from training.learning.dataset import Dataset
from training.learning.recipe import Examples, FittedModel, Recipe, SharedModels


class PooledRecipe(Recipe):
    """A model that is fitted anew on the pool's own sessions, and that all tickers share until the next of them.

    Attributes:
        refit_every: sessions between two fits at horizon 1.
        refit_every_far: the same at horizons above 1.
    """

    refit_every: PositiveInt
    refit_every_far: PositiveInt
    _shared: SharedModels | None = PrivateAttr(default=None)

    @abstractmethod
    def fit_pool(self, pool: Sequence[Dataset], known_on: np.datetime64, seed: int) -> FittedModel:
        """Fit on all rows of `pool` whose returns were known on the session `known_on`; there is one at least."""

    def pooled_parts(self) -> "tuple[PooledRecipe, ...]":
        """This recipe itself."""
        return (self,)

    def sharing(self, models: Mapping[str, SharedModels]) -> Self:
        """This recipe with what it has learnt."""
        copy = self.model_copy()
        copy._shared = models[self.name]  # noqa: SLF001  # of its own class
        return copy

    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:
        """The newest shared model that knew nothing beyond the first `rows` rows; the last one when these are all.

        Where there is none, one that is fitted on this ticker alone.
        """
        known_on, shared = data.session[rows - 1 + data.horizon], self._shared
        index = int(np.searchsorted(shared.known_on, known_on, side="right")) - 1 if shared else -1
        if shared is None or index < 0:
            return self.fit_pool([data], known_on, seed)
        return shared.models[-1 if rows == data.known else index]

    def refit_sessions(
        self, sessions: SessionArray, horizon: int, first: int, needed_from: np.datetime64
    ) -> SessionArray:
        """Sessions on which a model is fitted, the last of `sessions` included.

        They are counted from the first session on, so that later ones change none of them.

        Args:
            sessions: of all tickers together, ascending.
            first: number of sessions before the first fit.
            needed_from: the first session on which a model must be there, where one can be.
        """
        fitted_on = sessions[first - 1 :: self.refit_every if horizon == 1 else self.refit_every_far]
        kept = fitted_on[max(int(np.searchsorted(fitted_on, needed_from, side="right")) - 1, 0) :]
        return np.unique(np.append(kept, sessions[-1]))


def known_rows(data: Dataset, known_on: np.datetime64) -> int:
    """Number of leading rows whose return was known on that session."""
    return max(int(np.searchsorted(data.session, known_on, side="right")) - data.horizon, 0)


def pooled(pool: Sequence[Dataset], known_on: np.datetime64, sessions: int = 0) -> Examples:
    """The rows of all tickers whose return was known on that session, ticker by ticker.

    Args:
        sessions: whose moves follow the inputs.
    """
    parts = [Examples.of(data, rows, sessions) for data in pool if (rows := known_rows(data, known_on))]
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("inputs", "units", "log_ratio"))
    return Examples(pool[0].horizon, *columns)
