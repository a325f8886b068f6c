"""Memory of the whole service: of what serves, and of the trainer beside it."""

from dataclasses import dataclass
from functools import cache

import psutil

from serving.training_requests.trainer_process import MODULE

MIB = 2**20


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Proportional set sizes in MiB; pages that several processes share count once.

    Attributes:
        serving: the server, its workers and the forests.
        trainer: the trainer, which frees its memory when it has nothing to train; 0 without one.
    """

    serving: float
    trainer: float


def memory_mb() -> MemoryUse:
    """Measure the processes of this service."""
    everyone = _family()
    training = {process for one in everyone if _trains(one) for process in (one, *_below(one))}
    serving = [process for process in everyone if process not in training]
    return MemoryUse(sum(map(_proportional, serving)) / MIB, sum(map(_proportional, training)) / MIB)


def _family() -> list[psutil.Process]:
    """Return the process that started the server, and all its descendants."""
    try:
        top = _top()
    except psutil.Error:
        top = psutil.Process()
    return [top, *_below(top)]


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _trains(process: psutil.Process) -> bool:
    try:
        return MODULE in process.cmdline()
    except psutil.Error:
        return False


@cache
def _top() -> psutil.Process:
    """Return BentoML's supervisor, where there is one: the parent that runs from the same command."""
    own = psutil.Process()
    parent = own.parent()
    started_here = parent is not None and "bentoml" in " ".join(parent.cmdline())
    return parent if started_here and parent is not None else own


def _proportional(process: psutil.Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as lines:  # noqa: PTH123  # no path of ours
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    except (OSError, StopIteration):
        return _resident(process)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
