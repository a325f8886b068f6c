"""A tree of scikit-learn 1.9.1 grown at once, without what its `fit` checks anew for each tree of a forest.

Checking parameters and weights takes three times as long as growing a small tree does, and there is no way to leave it
out but by the parts that `fit` itself is made of.
"""

from operator import attrgetter
from typing import Any

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

PARTS = ("_criterion.MSE", "_splitter.BestSplitter", "_tree.Tree", "_tree.DepthFirstTreeBuilder")
# What is grown here; every other parameter of a tree may have any value of its usual type.
GROWN = {
    "criterion": "squared_error",
    "splitter": "best",
    "max_leaf_nodes": None,
    "min_weight_fraction_leaf": 0.0,
    "min_impurity_decrease": 0.0,
    "ccp_alpha": 0.0,
    "monotonic_cst": None,
}


class TreeGrowth:
    """Grows regression trees of scikit-learn."""

    def __init__(self, package: Any) -> None:
        """Grow by the parts of `package`, which is `sklearn.tree`.

        Raises:
            RuntimeError: this release of scikit-learn is made of other parts.
        """
        try:
            self._criterion, self._splitter, self._tree, self._builder = attrgetter(*PARTS)(package)
        except AttributeError:
            raise RuntimeError(
                "scikit-learn grows its trees in another way now; compat/sklearn_trees.py stands for it"
            ) from None

    def can_grow(self, tree: Any) -> bool:
        """Whether `grow` knows what the parameters of `tree`, a `DecisionTreeRegressor`, ask for."""
        counts = (tree.max_depth, tree.min_samples_leaf, tree.min_samples_split)
        is_usual = all(getattr(tree, name) == value for name, value in GROWN.items())
        return is_usual and isinstance(tree.max_features, float) and all(isinstance(count, int) for count in counts)

    def grow(self, tree: Any, inputs: Array, target: Array, weight: Array, random: np.random.RandomState) -> None:
        """Fit `tree` in place as `tree.fit(inputs, target, weight)` does.

        Args:
            tree: one that `can_grow`.
            inputs: shape (n, k), float32, finite.
            target: shape (n, 1), float64, contiguous.
            weight: shape (n,), float64; 0 leaves a row out.
            random: in the state that `tree.random_state` starts from.
        """
        tree.n_features_in_, tree.n_outputs_ = inputs.shape[1], 1
        tree.max_features_ = max(1, int(tree.max_features * inputs.shape[1]))
        leaf, criterion = tree.min_samples_leaf, self._criterion(1, len(inputs))
        splitter = self._splitter(criterion, tree.max_features_, leaf, 0.0, random, None)
        smallest_split = max(tree.min_samples_split, 2 * leaf)
        tree.tree_ = self._tree(inputs.shape[1], np.ones(1, dtype=np.intp), 1)
        self._builder(splitter, smallest_split, leaf, 0.0, tree.max_depth, 0.0).build(
            tree.tree_, inputs, target, weight, None
        )
