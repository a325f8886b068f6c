"""The model of one ticker and horizon: a Random Forest for the expected return, one for the width, and a ridge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from configuration import HORIZONS
from features import PRICE_INPUTS, WIDTH_INPUTS
from forecasting.formula import Formula, training_inputs
from training.learning.dataset import Dataset

# The expected return learns from returns cut off at this many units, so that no single one decides.
LARGEST_UNITS = 3.0
# Quantiles of the log ratio in training that bound the output of the ridge.
RIDGE_BOUNDS = (0.01, 0.99)

# Shallow and few: deeper or more trees score the same and cost the service memory.
FOREST = {"n_estimators": 50, "max_depth": 4, "max_samples": 0.5, "max_features": 0.35}
PARAMETERS: dict[str, dict[str, Any]] = {
    "expected": FOREST | {"min_samples_leaf": 40},
    "width": FOREST | {"min_samples_leaf": 20},
    "ridge": {"alpha": 300.0},
}


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fitted model and the formula that reads its outputs.

    Attributes:
        model: three outputs, the columns of `forecasting.formula`: the expected return in units, and the log ratio of
            the width twice, from a forest and from a ridge.
    """

    model: MultiOutputRegressor
    formula: Formula


def fit(data: Dataset, rows: int, seed: int) -> Fitted:
    """Fit on the first `rows` rows of `data`.

    The three are one estimator, so that they are registered, converted and served as one.
    """
    inputs, log_ratio = data.inputs[:rows], data.log_ratio[:rows]
    units = np.clip(data.actual[:rows] / data.unit[:rows], -LARGEST_UNITS, LARGEST_UNITS)
    model = MultiOutputRegressor(Ridge())
    model.estimators_ = [
        _chosen(PRICE_INPUTS, _forest("expected", seed)).fit(inputs, units),
        _chosen(WIDTH_INPUTS, _forest("width", seed)).fit(inputs, log_ratio),
        _chosen(WIDTH_INPUTS, StandardScaler(), Ridge(**PARAMETERS["ridge"])).fit(inputs, log_ratio),
    ]
    model.n_features_in_ = inputs.shape[1]
    lowest, highest = np.quantile(log_ratio, RIDGE_BOUNDS)
    formula = Formula(
        mean=float(log_ratio.mean()),
        lowest=float(lowest),
        highest=float(highest),
        trust=HORIZONS[data.horizon].correction_trust,
        echo_weight=HORIZONS[data.horizon].echo_weight,
        training_inputs=training_inputs(inputs),
    )
    return Fitted(model, formula)


def _forest(name: str, seed: int) -> RandomForestRegressor:
    return RandomForestRegressor(**PARAMETERS[name], random_state=seed, n_jobs=1)


def _chosen(inputs: Sequence[int], *steps: Any) -> Pipeline:
    return make_pipeline(ColumnTransformer([("inputs", "passthrough", list(inputs))]), *steps)
