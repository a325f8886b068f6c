"""Memory of the whole service: the server, its workers, the forests and the trainer."""

from functools import cache

import psutil

MIB = 2**20


def memory_mb() -> float:
    """Proportional set size of all processes of this service, in MiB; pages that several share count once."""
    return sum(_proportional(process) for process in _family()) / MIB


def _family() -> list[psutil.Process]:
    """The process that started the server, and everything below it."""
    try:
        top = _top()
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return [psutil.Process()]


@cache
def _top() -> psutil.Process:
    """BentoML's supervisor, where there is one: the parent that runs from the same command."""
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
