"""A fitted model as an ONNX file that computes what the training library does."""

import numpy as np
import onnxruntime
from onnx import ModelProto, checker, helper

from features.matrix import FeatureMatrix
from market.bars import FloatArray
from training.errors import Deviation
from training.onnx_conversion.compact import compact

TOLERANCE = 1e-6


def checked_onnx(
    graph: ModelProto, inputs: FeatureMatrix, outputs: FloatArray, ticker: str, rounding: float = 1.0
) -> bytes:
    """The bytes of an ONNX file in its compact form; the same graph gives the same bytes.

    Args:
        graph: with input `X` (rows, k) and output `variable` (rows, 3), both float32; it is changed in place.
        inputs: shape (n, k), those that the model was fitted on.
        outputs: shape (n, 3), of the training library for them.
        ticker: for errors.
        rounding: as many times TOLERANCE may an output differ.

    Raises:
        Deviation: an output differs by more than that.
    """
    checker.check_model(_ordered(compact(graph)))
    content: bytes = graph.SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: inputs})
    difference = float(np.max(np.abs(found - outputs)))
    if not difference <= TOLERANCE * rounding:
        raise Deviation(f"{ticker}: the ONNX file differs from its model by {difference:.2e}; train it again")
    return content


def _ordered(graph: ModelProto) -> ModelProto:
    """The graph with its sets of operators in the order of their names; skl2onnx leaves that to chance."""
    imports = sorted((one.domain, one.version) for one in graph.opset_import)
    del graph.opset_import[:]
    graph.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in imports)
    return graph
