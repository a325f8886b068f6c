"""ONNX computes what scikit-learn does, whatever the recipe."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from market.bars import Bars
from tests.training.recipes_of_tests import NAMES, recipe
from training.errors import Deviation
from training.learning.dataset import Dataset, make_dataset
from training.learning.pipeline import export_onnx
from training.learning.recipe import FittedModel
from training.onnx_conversion.export import TOLERANCE, checked_onnx


@pytest.fixture(scope="module")
def data(short_bars: Bars) -> Dataset:
    return make_dataset(short_bars, 1)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(data: Dataset, name: str) -> FittedModel:
    return recipe(name).fit(data, data.known, 1)


def run(content: bytes, data: Dataset, name: str) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    inputs = data.model_inputs(slice(None), recipe(name).sessions)
    (found,) = onnxruntime.InferenceSession(content).run(None, {"X": inputs})
    return np.asarray(found)


def test_is_equal_on_every_row(data: Dataset, name: str, fitted: FittedModel) -> None:
    found = run(export_onnx(recipe(name), fitted, data), data, name)
    expected = fitted.model.predict(data.model_inputs(slice(None), recipe(name).sessions))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * recipe(name).rounding)


def test_is_the_same_file_for_the_same_seed(data: Dataset, name: str, fitted: FittedModel) -> None:
    again = recipe(name).fit(data, data.known, 1)
    assert export_onnx(recipe(name), again, data) == export_onnx(recipe(name), fitted, data)


def test_is_the_same_file_in_whatever_order_operators_are_imported(
    data: Dataset, name: str, fitted: FittedModel
) -> None:
    inputs = data.model_inputs(slice(data.known), recipe(name).sessions)
    files = []
    for turned in (False, True):
        graph = recipe(name).to_onnx(fitted, inputs)
        imports = sorted(((one.domain, one.version) for one in graph.opset_import), reverse=turned)
        del graph.opset_import[:]
        graph.opset_import.extend(helper.make_opsetid(*one) for one in imports)
        files.append(checked_onnx(graph, inputs, fitted.predict(inputs), data.ticker, recipe(name).rounding))
    assert files[0] == files[1]


def test_is_another_file_for_another_seed(data: Dataset) -> None:
    first, other = (recipe().fit(data, data.known, seed) for seed in (1, 2))
    assert export_onnx(recipe(), first, data) != export_onnx(recipe(), other, data)


def test_a_difference_is_refused_by_ticker(
    data: Dataset, name: str, fitted: FittedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.onnx_conversion.export.TOLERANCE", -1.0)
    with pytest.raises(Deviation, match="TEST: the ONNX file differs from its model"):
        export_onnx(recipe(name), fitted, data)


def test_a_tree_that_is_a_single_leaf_is_exported_too(data: Dataset, name: str) -> None:
    still = replace(data, log_ratio=np.zeros_like(data.log_ratio))
    found = run(export_onnx(recipe(name), recipe(name).fit(still, data.known, 1), still), data, name)
    np.testing.assert_allclose(found[:, 1], 0, atol=TOLERANCE)
