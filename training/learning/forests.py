"""Random Forests of scikit-learn, the same to the last bit, without what it does again for each tree.

Of a forest of small trees most of the time goes into copying estimators and checking parameters that are all alike.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import sklearn.tree
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from compat.sklearn_trees import TreeGrowth
from features.matrix import FeatureMatrix
from market.bars import FloatArray

LARGEST_SEED = np.iinfo(np.int32).max
TREES = TreeGrowth(sklearn.tree)


def fit(pipeline: Pipeline, inputs: FeatureMatrix, target: FloatArray) -> Pipeline:
    """Fit a pipeline in place, as its own `fit` does.

    Args:
        inputs: shape (n, k), float32, without gaps.
        target: shape (n,).
    """
    if chosen := _chosen(pipeline):
        pipeline.steps[0] = (pipeline.steps[0][0], _selector(chosen, inputs.shape[1]))
    columns, rest = _selected(pipeline, inputs)
    forest = rest[-1]
    if not _is_known(forest):
        rest.fit(columns, target)
        return pipeline
    if len(rest) > 1:
        columns = rest[:-1].fit_transform(columns)
    _fit_trees(forest, np.asarray(columns, dtype=np.float32), np.array(target, dtype=np.float64).reshape(-1, 1))
    return pipeline


def predict(estimator: Pipeline, inputs: FeatureMatrix) -> FloatArray:
    """What `estimator.predict(inputs)` gives, shape (n,).

    Args:
        inputs: shape (n, k), float32, without gaps.
    """
    if not isinstance(estimator, Pipeline):
        return np.asarray(estimator.predict(inputs))
    columns, rest = _selected(estimator, inputs)
    forest = rest[-1]
    if not isinstance(forest, RandomForestRegressor):
        return np.asarray(rest.predict(columns))
    if len(rest) > 1:
        columns = rest[:-1].transform(columns)
    columns = np.asarray(columns, dtype=np.float32)
    total = np.zeros(len(columns))
    for tree in forest.estimators_:
        total += tree.tree_.predict(columns)[:, 0]
    return np.asarray(total / len(forest.estimators_))


def _selected(pipeline: Pipeline, inputs: FeatureMatrix) -> tuple[FeatureMatrix, Pipeline]:
    """The columns that a pipeline begins by choosing, and its other steps; all of both where it does not."""
    chosen = _chosen(pipeline)
    return (inputs[:, list(chosen)], pipeline[1:]) if chosen else (inputs, pipeline)


def _chosen(pipeline: Pipeline) -> tuple[int, ...]:
    """Which columns the first step passes on as they are; empty when it does something else."""
    first = pipeline[0]
    if type(first) is not ColumnTransformer or len(first.transformers) > 1 or len(pipeline) == 1:
        return ()
    ((_, step, columns),) = first.transformers
    return tuple(columns) if step == "passthrough" and first.remainder == "drop" else ()


@lru_cache(maxsize=64)
def _selector(columns: tuple[int, ...], width: int) -> ColumnTransformer:
    """The first step fitted, which learns nothing from rows but how wide they are; to fit it takes a millisecond."""
    selector = ColumnTransformer([("inputs", "passthrough", list(columns))])
    return selector.fit(np.zeros((1, width), dtype=np.float32))


def _is_known(forest: Any) -> bool:
    """Whether it is a forest whose trees are drawn and grown as `_fit_trees` does."""
    if type(forest) is not RandomForestRegressor:
        return False
    is_plain = forest.bootstrap and not forest.oob_score and not forest.warm_start
    return is_plain and isinstance(forest.max_samples, float) and TREES.can_grow(_tree(forest, 0))


def _fit_trees(forest: RandomForestRegressor, inputs: FeatureMatrix, target: FloatArray) -> None:
    """The seeds, the rows that each tree sees and how often are those of scikit-learn's own `fit`."""
    seeds, random = check_random_state(forest.random_state), np.random.RandomState()  # what trees take
    rows, drawn = len(inputs), max(int(forest.max_samples * len(inputs)), 1)
    forest.estimators_ = []
    for _ in range(forest.n_estimators):
        seed = int(seeds.randint(LARGEST_SEED))
        random.seed(seed)
        weight = np.bincount(random.randint(0, rows, drawn), minlength=rows).astype(np.float64)
        random.seed(seed)
        TREES.grow(tree := _tree(forest, seed), inputs, target, weight, random)
        forest.estimators_.append(tree)
    forest.estimator_, forest.n_outputs_, forest.n_features_in_ = DecisionTreeRegressor(), 1, inputs.shape[1]


def _tree(forest: RandomForestRegressor, seed: int) -> DecisionTreeRegressor:
    parameters = {name: getattr(forest, name) for name in forest.estimator_params}
    return DecisionTreeRegressor(**parameters | {"random_state": seed})
