"""ONNX computes what scikit-learn does."""

import numpy as np
import onnxruntime
import pytest

from training.errors import Deviation
from training.forest import fit_forest
from training.onnx_export import TOLERANCE, export_onnx
from training.pipeline import Trained


def test_is_equal_on_every_training_row(trained: Trained) -> None:
    session = onnxruntime.InferenceSession(export_onnx(trained.model, trained.rows, "forest-TEST-1"))
    (found,) = session.run(None, {"X": trained.rows})
    np.testing.assert_allclose(found, trained.model.predict(trained.rows), rtol=0, atol=TOLERANCE)


def test_is_the_same_file_for_the_same_seed(trained: Trained) -> None:
    data, known = trained.data, trained.data.known
    again = fit_forest(data.inputs[:known], data.actual[:known], data.unit[:known], trained.plan.seed)
    assert export_onnx(again, trained.rows, "a") == export_onnx(trained.model, trained.rows, "b")


def test_is_another_file_for_another_seed(trained: Trained) -> None:
    data, known = trained.data, trained.data.known
    other = fit_forest(data.inputs[:known], data.actual[:known], data.unit[:known], trained.plan.seed + 1)
    assert export_onnx(other, trained.rows, "a") != export_onnx(trained.model, trained.rows, "b")


def test_a_difference_is_refused_by_name(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(Deviation, match="forest-TEST-1: ONNX differs from scikit-learn"):
        export_onnx(trained.model, trained.rows, "forest-TEST-1")
