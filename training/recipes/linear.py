"""A regression of the width on ranges and moves of a day, a week and a month: the yardstick of the literature.

Source: Corsi, "A Simple Approximate Long-Memory Model of Realized Volatility", 2009, in logs.
"""

from typing import ClassVar

from pydantic import PositiveFloat
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from features import NAMES, PRICE_INPUTS
from training.learning.dataset import Dataset
from training.learning.recipe import FittedModel, Recipe, fit_estimators, on

INPUTS = ("log_range_1", "log_range_5", "log_range_22", "last_move", "log_move_5", "log_move_22")


class Linear(Recipe):
    """Ridge regressions; both outputs of the width are the same one.

    Attributes:
        expected_alpha, width_alpha: penalties on standardised inputs.
    """

    model_type: ClassVar[str] = "linear"

    expected_alpha: PositiveFloat
    width_alpha: PositiveFloat

    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:  # noqa: ARG002  # nothing in it is random
        """Fit on the first `rows` rows."""
        inputs = [NAMES.index(name) for name in INPUTS]
        width, bounded = (on(inputs, StandardScaler(), Ridge(alpha=self.width_alpha)) for _ in range(2))
        expected = on(PRICE_INPUTS, StandardScaler(), Ridge(alpha=self.expected_alpha))
        return fit_estimators(data, rows, expected=expected, log_ratio=width, bounded_log_ratio=bounded)
