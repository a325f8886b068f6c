"""Everything but the bars that decides what is learnt."""

import hashlib
import json
from dataclasses import asdict, dataclass

from configuration import HORIZONS
from features import NAMES, VERSION
from forecasting.reports.reaction import SIZE_WEIGHT, TIMING_WEIGHT, USUAL
from forecasting.reports.schedule import DELAY_CHANCES
from training.errors import TrainingError
from training.learning.dataset import Dataset
from training.learning.recipe import FittedModel, Recipe


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        refit_every: sessions between two refits of the walk-forward.
        tested: last sessions that the walk-forward scores and calibrates on; null for all it can.
        seed: of everything random in a fit.
        pool: tickers that a pooled recipe has learnt from; empty for others.
        problem: why a pooled recipe could learn nothing from them; empty when it could.
        label: what a comparison calls it; the recipe's name when empty.
    """

    recipe: Recipe
    refit_every: int
    tested: int | None
    seed: int
    pool: tuple[str, ...] = ()
    problem: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """What a comparison calls it."""
        return self.label or self.recipe.name

    def fit(self, data: Dataset, rows: int) -> FittedModel:
        """Fit on the first `rows` rows of `data`, all of whose returns are known.

        Raises:
            TrainingError: the recipe learns from all tickers, and that failed.
        """
        if self.problem:
            raise TrainingError(f"{data.ticker}: {self.problem}")
        return self.recipe.fit(data, rows, self.seed)

    def fingerprint(self, horizon: int) -> str:
        """Hash of all of it at this horizon, the version of the features included."""
        ingredients = {
            "features": [VERSION, *NAMES],
            "horizon": asdict(HORIZONS[horizon]),
            "reports": [USUAL.model_dump(), SIZE_WEIGHT, TIMING_WEIGHT, DELAY_CHANCES.tolist()],
            "recipe": [self.recipe.name, self.recipe.model_dump()],
            "walk_forward": [self.refit_every, self.tested, self.seed],
        }
        if self.pool:
            ingredients["pool"] = list(self.pool)
        return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()[:16]
