"""The forests themselves, as ONNX Runtime sessions."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import structlog

from forecasting.card import FOREST_FILE
from forecasting.model_store import UnreadableModel, read_published_model

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = structlog.get_logger(__name__)

# Memory of an open session, measured with forests of 20 to 23 kB: this many times its file.
EXPANSION = 12.5
MIB = 2**20
# Seconds without a row after which a session is closed, as that of a version which another has replaced.
IDLE = 900.0


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
    """Published forests, opened when first asked for, within a budget of memory.

    Models with the same file share one session, and their rows one call of it. When the budget is exceeded, the session
    unused for longest is closed, and whenever one is opened those that were unused for IDLE; a session is opened again
    when it is asked for.
    """

    def __init__(self, budget_mb: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold at most `budget_mb` MiB of them, and always one; `clock` gives seconds."""
        self._budget = budget_mb * MIB
        self._clock = clock
        self._used_at: dict[str, float] = {}
        self._size = 0.0
        self._files: dict[str, str] = {}
        self._open: OrderedDict[str, Opened] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def predict(self, rows: Sequence[tuple[str, bytes]]) -> list[Output]:
        """Answer each Row, rows of one file in one call of it; a broken model spoils only its own rows."""
        answers: dict[int, Output] = {}
        by_file: dict[str, tuple[InferenceSession, list[int]]] = {}
        for index, (folder, _) in enumerate(rows):
            if folder == PROBE.folder:
                answers[index] = Output(b"", "")
                continue
            try:
                file, session = self._session(folder)
            except Exception as error:  # noqa: BLE001  # it is told to whoever asked for this model
                answers[index] = _failed(folder, error)
            else:
                by_file.setdefault(file, (session, []))[1].append(index)
        for session, indices in by_file.values():
            answers.update(zip(indices, _answers(session, [rows[index] for index in indices]), strict=True))
        return [answers[index] for index in range(len(rows))]

    def _session(self, folder: str) -> tuple[str, "InferenceSession"]:
        """Hash of the folder's file, and the session of that file; every folder's own file is checked once."""
        file = self._files.get(folder)
        if file is None or file not in self._open:
            content, file = _checked_file(Path(folder))
            if file not in self._open:
                opened = self._open[file] = _open(content)
                self._size += opened.size
                self._make_room()
            self._files[folder] = file
        self._open.move_to_end(file)
        self._used_at[file] = self._clock()
        return file, self._open[file].session

    def _make_room(self) -> None:
        while len(self._open) > 1 and (self._size > self._budget or self._is_idle(next(iter(self._open)))):
            file, dropped = self._open.popitem(last=False)
            del self._used_at[file]
            self._size -= dropped.size
            self._files = {folder: one for folder, one in self._files.items() if one != file}

    def _is_idle(self, file: str) -> bool:
        return self._clock() - self._used_at[file] > IDLE


def _answers(session: "InferenceSession", rows: Sequence[tuple[str, bytes]]) -> list[Output]:
    try:
        inputs = np.frombuffer(b"".join(given for _, given in rows), dtype=np.float32).reshape(len(rows), -1)
        (outputs,) = session.run(None, {"X": inputs})
    except Exception as error:  # noqa: BLE001  # likewise
        return [_failed(", ".join({folder for folder, _ in rows}), error)] * len(rows)
    return [Output(row.tobytes(), "") for row in outputs]


def _failed(folder: str, error: Exception) -> Output:
    """The problem of a model, for who asked, who logs it once; here it comes with each row and each new trial."""
    log.debug("model.failed", folder=folder, exc_info=error)
    return Output(b"", str(error) if isinstance(error, UnreadableModel) else f"{type(error).__name__}: {error}")


def _checked_file(folder: Path) -> tuple[bytes, str]:
    """The ONNX file of a published model, and its hash."""
    published = read_published_model(folder)
    content = (folder / FOREST_FILE).read_bytes()
    file = hashlib.sha256(content).hexdigest()
    if file != published.card.forest_sha256:
        raise UnreadableModel(f"{folder / FOREST_FILE}: not the file its card belongs to; publish the model again")
    return content, file


def _open(content: bytes) -> Opened:
    import onnxruntime  # noqa: PLC0415  # it takes 20 MB, in processes too that never open a forest

    options = onnxruntime.SessionOptions()
    # One row takes microseconds; more threads would only take the cores from the API workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Memory of its own for what a row needs, which is next to nothing, would be an eighth of a session.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return Opened(session, EXPANSION * len(content))
