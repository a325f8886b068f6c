"""Random Forests for the expected return and the width, and a ridge regression averaged with the latter in logs."""

from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from features import PRICE_INPUTS, WIDTH_INPUTS
from training.learning.dataset import Dataset
from training.learning.recipe import FittedModel, Recipe, fit_estimators, on

Share = Annotated[float, Field(gt=0, le=1)]


class Forest(Recipe):
    """Shallow and few trees: deeper or more score the same and cost the service memory.

    Attributes:
        n_estimators: trees of each forest.
        max_depth: splits from the root to a leaf.
        max_samples: share of the rows that each tree sees.
        max_features: share of the inputs that each split may choose from.
        expected_min_samples_leaf, width_min_samples_leaf: rows in a leaf.
        ridge_alpha: penalty on standardised inputs.
    """

    model_type: ClassVar[str] = "random_forest"

    n_estimators: Annotated[PositiveInt, Field(le=2000)]
    max_depth: Annotated[PositiveInt, Field(le=30)]
    max_samples: Share
    max_features: Share
    expected_min_samples_leaf: PositiveInt
    width_min_samples_leaf: PositiveInt
    ridge_alpha: PositiveFloat

    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:
        """Fit two forests and a ridge regression on the first `rows` rows."""
        return fit_estimators(
            data,
            rows,
            expected=on(PRICE_INPUTS, self._forest(self.expected_min_samples_leaf, seed)),
            log_ratio=on(WIDTH_INPUTS, self._forest(self.width_min_samples_leaf, seed)),
            bounded_log_ratio=on(WIDTH_INPUTS, StandardScaler(), Ridge(alpha=self.ridge_alpha)),
        )

    def _forest(self, min_samples_leaf: int, seed: int) -> RandomForestRegressor:
        return RandomForestRegressor(
            n_estimators=self.n_estimators,
            max_depth=self.max_depth,
            max_samples=self.max_samples,
            max_features=self.max_features,
            min_samples_leaf=min_samples_leaf,
            random_state=seed,
            n_jobs=1,
        )
