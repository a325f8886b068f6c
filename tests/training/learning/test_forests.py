"""Forests are those of scikit-learn's own fit, to the last bit, and only forests that are known are grown here."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from training.learning import forests
from training.learning.recipe import on

SMALL: dict[str, Any] = {"n_estimators": 7, "max_depth": 5, "random_state": 11}
USUAL = SMALL | {"max_samples": 0.5, "max_features": 0.4, "min_samples_leaf": 9}
ROWS, COLUMNS = 400, 8


@pytest.fixture(scope="module", params=[1, 2])
def examples(request: pytest.FixtureRequest) -> Any:
    generator = np.random.default_rng(request.param)
    inputs = generator.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    inputs[:, 1] = np.round(inputs[:, 1])  # ties
    return inputs, inputs[:, 0] * inputs[:, 2] + generator.standard_t(4, ROWS)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(**USUAL),
        RandomForestRegressor(**USUAL | {"min_samples_split": 60, "max_depth": 3}),
        RandomForestRegressor(**USUAL | {"max_samples": 1.0, "max_features": 1.0, "min_samples_leaf": 1}),
        RandomForestRegressor(**SMALL),
        RandomForestRegressor(**USUAL | {"criterion": "absolute_error"}),
        RandomForestRegressor(**USUAL | {"max_leaf_nodes": 4, "ccp_alpha": 0.01}),
        RandomForestRegressor(**USUAL | {"bootstrap": False, "max_samples": None}),
        RandomForestRegressor(**USUAL | {"oob_score": True}),
        ExtraTreesRegressor(**SMALL),
        Ridge(alpha=3.0),
    ],
    ids=str,
)
def test_is_what_its_own_fit_gives(examples: Any, estimator: Any) -> None:
    inputs, target = examples
    ours = forests.fit(on([0, 1, 2, 5, 6], clone(estimator)), inputs, target)
    theirs = on([0, 1, 2, 5, 6], clone(estimator)).fit(inputs, target)
    np.testing.assert_array_equal(forests.predict(ours, inputs), theirs.predict(inputs))
    np.testing.assert_array_equal(ours.predict(inputs), theirs.predict(inputs))


def test_its_trees_are_the_same_node_for_node(examples: Any) -> None:
    inputs, target = examples
    ours = forests.fit(on(range(COLUMNS), RandomForestRegressor(**USUAL)), inputs, target)[-1]
    theirs = on(range(COLUMNS), RandomForestRegressor(**USUAL)).fit(inputs, target)[-1]
    assert len(ours.estimators_) == len(theirs.estimators_) == USUAL["n_estimators"]
    for one, other in zip(ours.estimators_, theirs.estimators_, strict=True):
        assert one.get_params() == other.get_params()
        assert one.tree_.__getstate__()["nodes"].tobytes() == other.tree_.__getstate__()["nodes"].tobytes()
        np.testing.assert_array_equal(one.tree_.value, other.tree_.value)
    np.testing.assert_array_equal(ours.feature_importances_, theirs.feature_importances_)


def test_a_pipeline_of_several_steps_is_fitted_as_usual(examples: Any) -> None:
    inputs, target = examples
    ours = forests.fit(on([0, 1], StandardScaler(), RandomForestRegressor(**USUAL)), inputs, target)
    theirs = on([0, 1], StandardScaler(), RandomForestRegressor(**USUAL)).fit(inputs, target)
    np.testing.assert_array_equal(forests.predict(ours, inputs), theirs.predict(inputs))
