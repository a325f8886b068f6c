"""What it grows is held to scikit-learn's own trees, node for node, in `tests/training/learning/test_forests.py`."""

from types import SimpleNamespace

import pytest

from compat.sklearn_trees import TreeGrowth


@pytest.mark.parametrize("package", [SimpleNamespace(), SimpleNamespace(_criterion=SimpleNamespace(MSE=object))])
def test_a_release_without_its_parts_is_named(package: object) -> None:
    with pytest.raises(RuntimeError, match=r"compat/sklearn_trees\.py stands for it"):
        TreeGrowth(package)
