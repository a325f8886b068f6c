"""Where tickers are trained: in processes of this machine, or on a Dask cluster."""

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import joblib

from concurrency.parent_death import end_with_parent
from training.errors import TrainingError

Result = TypeVar("Result")

# Seconds.
CONNECT_TIMEOUT = 10
# Calls that a cluster has at once: for each of its threads, and at least.
AHEAD_EACH, AHEAD = 4, 64


class NoScheduler(TrainingError):
    """The Dask scheduler does not answer."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs calls side by side.

    Attributes:
        scheduler: address of a Dask scheduler (`tcp://host:8786`); null for processes of this machine.
        processes: of this machine; 0 for one each core.
    """

    scheduler: str | None = None
    processes: int = 0

    def map(self, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]) -> Generator[Result, None, None]:
        """Results in the order of `calls`, each as soon as it and those before it are there.

        A cluster is handed calls as it gets on with those before, by the thread that takes the results.
        A single call needs no other process: each imports the training packages first, which takes seconds. The
        processes end when the generator is closed, and with this one however it ends.

        Raises:
            NoScheduler: there is a scheduler's address, but nobody answers.
        """
        if self.scheduler:
            yield from _on_cluster(self.scheduler, function, calls)
            return
        known = list(calls)
        work = joblib.Parallel(n_jobs=self._count(known), return_as="generator", batch_size=1)
        results = work(joblib.delayed(_in_child)(os.getpid(), function, *call) for call in known)
        with closing(results):
            yield from results

    def _count(self, calls: Sequence[tuple[Any, ...]]) -> int:
        return min(self.processes or joblib.cpu_count(), max(len(calls), 1))


def _on_cluster(
    scheduler: str, function: Callable[..., Result], calls: Iterable[tuple[Any, ...]]
) -> Generator[Result, None, None]:
    """Results of workers alone: joblib's Dask backend would do all in this process while there is a single one."""
    with closing(_connected(scheduler)) as client:
        ahead = max(AHEAD, AHEAD_EACH * sum(client.nthreads().values()))
        futures: deque[Any] = deque()
        for call in calls:
            futures.append(client.submit(_in_child, None, function, *call, pure=False))
            if len(futures) == ahead:
                yield futures.popleft().result()
                _keep_imports()
        while futures:
            yield futures.popleft().result()
            _keep_imports()


def _in_child(parent: int | None, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call `function`; in a child of the process `parent`, which then ends with it and leaves Ctrl-C to it.

    What scikit-learn would run side by side runs one after the other: on a Dask worker it would be spread over the
    cluster, and be lost with any other worker.
    """
    with joblib.parallel_config(backend="sequential"):
        if os.getppid() != parent:
            return function(*arguments)
        _follow_parent()
        result = function(*arguments)
        _keep_imports()
        return result


@cache
def _follow_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


@cache
def _keep_imports() -> None:
    """Spare the collector of garbage what was imported by the first result.

    To look through it took 3 % of the time, and on a coordinator a sixth of its processor.
    """
    gc.freeze()


def _connected(scheduler: str) -> Any:
    try:
        from distributed import Client  # noqa: PLC0415  # optional group `scale`

        return Client(scheduler, timeout=CONNECT_TIMEOUT)  # type: ignore[no-untyped-call]  # published without types
    except ImportError:
        raise NoScheduler("--engine dask needs the packages of the group `scale`; run `make scale`") from None
    except (OSError, TimeoutError) as error:
        raise NoScheduler(f"--scheduler {scheduler}: no Dask scheduler answers there: {error}") from None
