"""The model of one ticker and horizon: a Random Forest for the expected return, one for the width."""

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.multioutput import MultiOutputRegressor

from features.matrix import FeatureMatrix
from market.bars import FloatArray

# Both targets are in units of the volatility level, because a forest cannot extrapolate: it learns the correction to
# the level, which itself comes from a formula.
EXPECTED, LOG_RATIO = 0, 1

# Returns beyond this many units teach the expected return nothing but their own date.
LARGEST_UNITS = 4.0
# Added to a return's size before its log is taken, so that a session without a move is small and not minus infinity.
SMALLEST_UNITS = 0.1

PARAMETERS = {
    "expected": {"n_estimators": 50, "min_samples_leaf": 60, "max_features": 0.33},
    "log_ratio": {"n_estimators": 100, "min_samples_leaf": 25, "max_features": 0.33},
}


def fit_forest(inputs: FeatureMatrix, actual: FloatArray, unit: FloatArray, seed: int) -> MultiOutputRegressor:
    """Fit both forests.

    Args:
        inputs: shape (n, k).
        actual, unit: shape (n,), returns and their usual size.

    Returns:
        A model of two outputs: the expected return in units (column EXPECTED) and the log of the return's size in
        units (column LOG_RATIO). One estimator, so that it is registered, converted and served as one.
    """
    units = actual / unit
    targets = {
        "expected": np.clip(units, -LARGEST_UNITS, LARGEST_UNITS),
        "log_ratio": np.log(np.abs(units) + SMALLEST_UNITS),
    }
    model = MultiOutputRegressor(RandomForestRegressor())
    model.estimators_ = [
        RandomForestRegressor(**PARAMETERS[name], random_state=seed, n_jobs=1).fit(inputs, target)
        for name, target in targets.items()
    ]
    model.n_features_in_ = inputs.shape[1]
    return model
