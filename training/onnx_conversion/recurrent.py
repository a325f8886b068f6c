"""An LSTM with a linear output as nodes of ONNX.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html (version 14).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

GATES = 4
# ONNX has the gates as input, output, forget, cell; Equinox as input, forget, cell, output.
ORDER = (0, 3, 1, 2)

Array = np.ndarray[Any, np.dtype[np.float32]]


def add_recurrent_nodes(
    scope: Any, operator: Any, container: Any, weights: Mapping[str, Array], target: tuple[float, float]
) -> None:
    """Add nodes from an input of shape (rows, sessions * moves) to an output of shape (rows, 1).

    Args:
        scope, operator, container: as skl2onnx gives them to a converter.
        weights: `input` (4 * hidden, moves), `state` (4 * hidden, hidden), `bias` (4 * hidden,), `output` (1, hidden),
            `output_bias` (1,).
        target: mean and scale that the output is brought back to.
    """
    hidden, moves = weights["state"].shape[1], weights["input"].shape[1]
    mean, scale = target

    write = _Writer(scope, container)
    rows = write.node("Reshape", [operator.inputs[0].full_name, write.numbers([0, -1, moves])])
    sequence = write.node("Transpose", [rows], perm=[1, 0, 2])
    biases = np.concatenate((_ordered(weights["bias"]), np.zeros(GATES * hidden, dtype=np.float32)))
    gates = [
        write.constant(one[np.newaxis]) for one in (_ordered(weights["input"]), _ordered(weights["state"]), biases)
    ]
    # The second output is the last state alone, shape (1, rows, hidden).
    state = write.node("LSTM", [sequence, *gates], before=[""], hidden_size=hidden)
    last = write.node("Reshape", [state, write.numbers([-1, hidden])])
    slope = write.constant((weights["output"].T * scale).astype(np.float32))
    offset = write.constant((weights["output_bias"] * scale + mean).astype(np.float32))
    write.node("Gemm", [last, slope, offset], made=operator.outputs[0].full_name)


class _Writer:
    """Adds nodes and numbers under names of their own."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def constant(self, values: Array) -> str:
        name = str(self._scope.get_unique_variable_name("constant"))
        self._container.add_initializer(name, TensorProto.FLOAT, values.shape, values.ravel().tolist())
        return name

    def numbers(self, values: list[int]) -> str:
        name = str(self._scope.get_unique_variable_name("shape"))
        self._container.add_initializer(name, TensorProto.INT64, [len(values)], values)
        return name

    def node(self, kind: str, given: list[str], made: str = "", before: Sequence[str] = (), **attributes: Any) -> str:
        """Name of its output, the one after those named `before`."""
        made = made or str(self._scope.get_unique_variable_name(kind))
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, given, [*before, made], name=name, op_domain="", **attributes)
        return made


def _ordered(weights: Array) -> Array:
    """The gates in ONNX's order, shape of `weights`."""
    parts = np.split(weights, GATES)
    return np.concatenate([parts[index] for index in ORDER])
