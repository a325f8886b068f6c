"""A fitted model as ONNX, equal to scikit-learn on everything it has seen."""

import numpy as np
import onnxruntime
from onnx import checker
from skl2onnx import to_onnx
from sklearn.multioutput import MultiOutputRegressor

from features.matrix import FeatureMatrix
from training.errors import Deviation
from training.publishing.compact_onnx import compact

TOLERANCE = 1e-6


def export_onnx(model: MultiOutputRegressor, rows: FeatureMatrix, name: str) -> bytes:
    """The model as an ONNX file with input `X` (rows, inputs) and output `variable` (rows, 3), both float32.

    The same model gives the same bytes.

    Args:
        rows: the inputs it was fitted on, shape (n, k), on all of which the outputs are compared.
        name: for errors.

    Raises:
        Deviation: an output differs by more than TOLERANCE.
    """
    graph = compact(to_onnx(model, rows[:1]))
    checker.check_model(graph)
    content: bytes = graph.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: rows})
    difference = float(np.max(np.abs(found - model.predict(rows))))
    if not difference <= TOLERANCE:
        raise Deviation(f"{name}: ONNX differs from scikit-learn by {difference:.2e}; train it again")
    return content
