"""ONNX computes what scikit-learn does."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from training.errors import Deviation
from training.learning.forest import fit
from training.learning.pipeline import Trained
from training.publishing.onnx_export import TOLERANCE, export_onnx


def test_is_equal_on_every_training_row(trained: Trained) -> None:
    session = onnxruntime.InferenceSession(export_onnx(trained.fitted.model, trained.rows, "forest-TEST-1"))
    (found,) = session.run(None, {"X": trained.rows})
    np.testing.assert_allclose(found, trained.fitted.model.predict(trained.rows), rtol=0, atol=TOLERANCE)


def test_is_the_same_file_for_the_same_seed(trained: Trained) -> None:
    again = fit(trained.data, trained.data.known, trained.plan.seed)
    assert export_onnx(again.model, trained.rows, "a") == export_onnx(trained.fitted.model, trained.rows, "b")


def test_is_another_file_for_another_seed(trained: Trained) -> None:
    other = fit(trained.data, trained.data.known, trained.plan.seed + 1)
    assert export_onnx(other.model, trained.rows, "a") != export_onnx(trained.fitted.model, trained.rows, "b")


def test_a_difference_is_refused_by_name(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.publishing.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(Deviation, match="forest-TEST-1: ONNX differs from scikit-learn"):
        export_onnx(trained.fitted.model, trained.rows, "forest-TEST-1")


def test_a_tree_that_is_a_single_leaf_is_exported_too(trained: Trained) -> None:
    data = trained.data
    still = np.zeros_like(data.log_ratio)
    fitted = fit(replace(data, log_ratio=still), data.known, seed=1)
    session = onnxruntime.InferenceSession(export_onnx(fitted.model, trained.rows, "forest-TEST-1"))
    (found,) = session.run(None, {"X": trained.rows})
    np.testing.assert_allclose(found[:, 1], 0, atol=TOLERANCE)
