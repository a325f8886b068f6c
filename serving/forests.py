"""The forests themselves, as ONNX Runtime sessions."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from forecasting.card import FOREST_FILE
from forecasting.published import UnreadableModel, read_published

log = logging.getLogger(__name__)

# Sessions held open; one takes about six times its file, here half a megabyte.
CAPACITY = 128


class Row(NamedTuple):
    """One question: the folder of a published model and its inputs as float32 bytes."""

    folder: str
    inputs: bytes


class Output(NamedTuple):
    """One answer: the model's outputs as float32 bytes, or the problem that kept it from giving them."""

    values: bytes
    problem: str


class Forests:
    """Published forests by folder, opened when first asked for, the longest unused one dropped first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._open: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()

    def predict(self, rows: Sequence[Row]) -> list[Output]:
        """Answer each row, rows of one model in one call of it; a broken model spoils only its own rows."""
        answers: dict[int, Output] = {}
        by_folder: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            by_folder.setdefault(row[0], []).append(index)
        for folder, indices in by_folder.items():
            answers.update(zip(indices, self._answer(folder, [rows[index][1] for index in indices]), strict=True))
        return [answers[index] for index in range(len(rows))]

    def _answer(self, folder: str, rows: list[bytes]) -> list[Output]:
        try:
            inputs = np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), -1)
            (outputs,) = self._session(folder).run(None, {"X": inputs})
        except Exception as error:
            log.exception("%s: the forest gives no answer", folder)
            return [Output(b"", f"{type(error).__name__}: {error}")] * len(rows)
        return [Output(row.tobytes(), "") for row in outputs]

    def _session(self, folder: str) -> onnxruntime.InferenceSession:
        session = self._open.get(folder)
        if session is None:
            session = self._open[folder] = _open(Path(folder))
            if len(self._open) > self._capacity:
                self._open.popitem(last=False)
        self._open.move_to_end(folder)
        return session


def _open(folder: Path) -> onnxruntime.InferenceSession:
    published = read_published(folder)
    content = (folder / FOREST_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != published.card.forest_sha256:
        raise UnreadableModel(f"{folder / FOREST_FILE}: not the file its card belongs to; publish the model again")
    options = onnxruntime.SessionOptions()
    # One row takes microseconds; more threads would only take the cores from the API workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
