"""The forests themselves, as ONNX Runtime sessions."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import structlog

from forecasting.card import FOREST_FILE
from forecasting.model_store import UnreadableModel, read_published_model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = structlog.get_logger(__name__)

# Memory of an open session, measured: this many times its file.
EXPANSION = 7.5
MIB = 2**20


class Row(NamedTuple):
    """One row of inputs: the folder of a published model and its inputs as float32 bytes."""

    folder: str
    inputs: bytes


class Output(NamedTuple):
    """What a model gives for a row: its outputs as float32 bytes, or the problem because of which there are none."""

    values: bytes
    problem: str


# A row of no model: it is answered with nothing, which shows that the forests answer.
PROBE = Row("", b"")


class Opened(NamedTuple):
    """A session and the memory that it is estimated to take, in bytes."""

    session: "InferenceSession"
    size: float


class OnnxSessions:
    """Published forests by folder, opened when first asked for, within a budget of memory.

    When it is exceeded, the one unused for longest is closed; it is opened again when it is asked for.
    """

    def __init__(self, budget_mb: float) -> None:
        """Hold at most `budget_mb` MiB of them, and always one."""
        self._budget = budget_mb * MIB
        self._size = 0.0
        self._open: OrderedDict[str, Opened] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def predict(self, rows: Sequence[tuple[str, bytes]]) -> list[Output]:
        """Answer each Row, rows of one model in one call of it; a broken model spoils only its own rows."""
        answers: dict[int, Output] = {}
        by_folder: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            by_folder.setdefault(row[0], []).append(index)
        for folder, indices in by_folder.items():
            answers.update(zip(indices, self._answer(folder, [rows[index][1] for index in indices]), strict=True))
        return [answers[index] for index in range(len(rows))]

    def _answer(self, folder: str, rows: list[bytes]) -> list[Output]:
        if folder == PROBE.folder:
            return [Output(b"", "")] * len(rows)
        try:
            inputs = np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), -1)
            (outputs,) = self._session(folder).run(None, {"X": inputs})
        except Exception as error:
            log.exception("model.failed", folder=folder)
            return [Output(b"", f"{type(error).__name__}: {error}")] * len(rows)
        return [Output(row.tobytes(), "") for row in outputs]

    def _session(self, folder: str) -> "InferenceSession":
        opened = self._open.get(folder)
        if opened is None:
            opened = self._open[folder] = _open(Path(folder))
            self._size += opened.size
            self._make_room()
        self._open.move_to_end(folder)
        return opened.session

    def _make_room(self) -> None:
        while self._size > self._budget and len(self._open) > 1:
            _, dropped = self._open.popitem(last=False)
            self._size -= dropped.size


def _open(folder: Path) -> Opened:
    import onnxruntime  # noqa: PLC0415  # it takes 20 MB, in processes too that never open a forest

    published = read_published_model(folder)
    content = (folder / FOREST_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != published.card.forest_sha256:
        raise UnreadableModel(f"{folder / FOREST_FILE}: not the file its card belongs to; publish the model again")
    options = onnxruntime.SessionOptions()
    # One row takes microseconds; more threads would only take the cores from the API workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return Opened(session, EXPANSION * len(content))
