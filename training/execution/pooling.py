"""What pooled recipes learn from all tickers: fitted once, then shared by the trainings of each of them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

import numpy as np
import structlog

from configuration import Settings
from market.bars import Bars
from training.errors import TrainingError
from training.execution.engine import Engine, NoScheduler
from training.execution.loading import load
from training.learning.dataset import Dataset, make_dataset
from training.learning.pooled_recipe import PooledRecipe
from training.learning.recipe import FittedModel, SharedModels
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import FIRST_TRAINING, refit_rows

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Pools:
    """How to train with what is shared: fitted when first asked for, once for each horizon and kind of prices.

    Attributes:
        configs: how to train, before anything is shared.
        newer_than: as `load` takes it.
    """

    settings: Settings
    configs: Sequence[TrainingConfig]
    engine: Engine
    newer_than: datetime | None = None
    _found: dict[tuple[int, bool], list[TrainingConfig]] = field(default_factory=dict)
    _bars: list[Bars] | None = None

    def configs_for(self, horizon: int, *, simulated: bool) -> list[TrainingConfig]:
        """How to train a ticker; the configured tickers of its kind of prices are loaded where a recipe needs them."""
        if not any(config.recipe.pooled_parts() for config in self.configs):
            return list(self.configs)
        if self._bars is None:
            self._bars = list(load(self.settings, self.settings.tickers, self.newer_than)[0].values())
        if (horizon, simulated) not in self._found:
            pool = [bars for bars in self._bars if bars.simulated == simulated]
            self._found[horizon, simulated] = share(self.configs, pool, horizon, self.engine)
        return self._found[horizon, simulated]


def share(
    configs: Sequence[TrainingConfig], pool: Sequence[Bars], horizon: int, engine: Engine
) -> list[TrainingConfig]:
    """The same configurations, each with what its pooled parts have learnt, or with the reason why they could not.

    Args:
        pool: of all tickers that are learnt from; those with too short a history are left out. With none left, each
            ticker learns alone.
    """
    datasets = _datasets(pool, horizon)
    return [_shared(config, datasets, engine) if datasets else config for config in configs]


def _datasets(pool: Sequence[Bars], horizon: int) -> list[Dataset]:
    found = []
    for bars in pool:
        with suppress(TrainingError):  # its own training says so
            found.append(make_dataset(bars, horizon))
    return [data for data in found if len(data) > FIRST_TRAINING + horizon]


def _shared(config: TrainingConfig, pool: Sequence[Dataset], engine: Engine) -> TrainingConfig:
    parts = config.recipe.pooled_parts()
    if not parts:
        return config
    try:
        models = {part.name: _models(part, config, pool, engine) for part in parts}
    except NoScheduler:
        raise
    except Exception as error:  # one recipe's trouble is never another's
        log.exception("pool.failed", recipe=config.recipe.name, horizon=pool[0].horizon)
        problem = f"{config.recipe.name}: {type(error).__name__}: {error}; the log has the traceback"
        return replace(config, problem=problem)
    return replace(config, recipe=config.recipe.sharing(models), pool=tuple(sorted(data.ticker for data in pool)))


def _models(part: PooledRecipe, config: TrainingConfig, pool: Sequence[Dataset], engine: Engine) -> SharedModels:
    sessions = reduce(np.union1d, [data.session for data in pool])
    needed_from = min(_first_refit(data, config) for data in pool)
    known_on = part.refit_sessions(sessions, pool[0].horizon, FIRST_TRAINING, needed_from)
    calls = [(part, pool, session, config.seed) for session in known_on]
    return SharedModels(known_on, tuple(engine.map(_fit_pool, calls)))


def _first_refit(data: Dataset, config: TrainingConfig) -> np.datetime64:
    row = -1
    with suppress(TrainingError):  # too few sessions to be tested on may be enough to be learnt from
        row = max(int(refit_rows(data, config)[0]) - 1 - config.recipe.looks_back, 0)
    session: np.datetime64 = data.session[row]
    return session


def _fit_pool(part: PooledRecipe, pool: Sequence[Dataset], known_on: np.datetime64, seed: int) -> FittedModel:
    return part.fit_pool(pool, known_on, seed)
