"""Gradient-boosted trees for the expected return and the width, and a ridge regression averaged with the latter."""

from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from features import PRICE_INPUTS, WIDTH_INPUTS
from training.learning.dataset import Dataset
from training.learning.recipe import FittedModel, Recipe, fit_estimators, on

Share = Annotated[float, Field(gt=0, le=1)]


class Boosting(Recipe):
    """Small trees fitted one after another, each to what those before it left over.

    Attributes:
        n_estimators: trees of each model.
        learning_rate: share of each tree's correction that is added.
        max_depth: splits from the root to a leaf.
        min_samples_leaf: rows in a leaf.
        subsample: share of the rows that each tree sees.
        max_features: share of the inputs that each split may choose from.
        ridge_alpha: penalty on standardised inputs.
    """

    model_type: ClassVar[str] = "gradient_boosting"

    n_estimators: Annotated[PositiveInt, Field(le=2000)]
    learning_rate: Share
    max_depth: Annotated[PositiveInt, Field(le=30)]
    min_samples_leaf: PositiveInt
    subsample: Share
    max_features: Share
    ridge_alpha: PositiveFloat

    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:
        """Fit two boosted models and a ridge regression on the first `rows` rows."""
        return fit_estimators(
            data,
            rows,
            expected=on(PRICE_INPUTS, self._boosted(seed)),
            log_ratio=on(WIDTH_INPUTS, self._boosted(seed)),
            bounded_log_ratio=on(WIDTH_INPUTS, StandardScaler(), Ridge(alpha=self.ridge_alpha)),
        )

    def _boosted(self, seed: int) -> GradientBoostingRegressor:
        return GradientBoostingRegressor(**self.model_dump(exclude={"ridge_alpha"}), random_state=seed)
