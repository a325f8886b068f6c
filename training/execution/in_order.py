"""What is done with each model once it is trained: in this thread, or beside others; told in the order of the calls."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from training.execution.interruption import Interruption

Done = TypeVar("Done")
# Of one model: what must not be done twice at once, and what to do.
Task = tuple[Hashable, Callable[[], Done]]

# Models whose decisions wait for an MLflow server at once.
THREADS = 8


def one_by_one(tasks: Iterable[Task[Done]], interruption: Interruption) -> Iterator[Done]:
    """Do each task as soon as it is there; a signal interrupts between two."""
    for _, task in tasks:
        with interruption.deferred():
            yield task()


def side_by_side(tasks: Iterable[Task[Done]], interruption: Interruption, threads: int = THREADS) -> Iterator[Done]:
    """Do the tasks in threads, those of one key one after another, and tell of each in the order of `tasks`.

    What is done is told when the next task comes, at the end, or before a signal interrupts: it ends what has been
    begun.
    """
    pool, begun = ThreadPoolExecutor(threads), deque[Future[Done]]()
    last: dict[Hashable, Future[Done]] = {}
    try:
        for key, task in tasks:
            last[key] = pool.submit(_after, last.get(key), task)
            begun.append(last[key])
            yield from _told(begun, interruption, threads)
        yield from _told(begun, interruption, 0)
    except KeyboardInterrupt:
        with interruption.deferred():
            while begun:
                yield begun.popleft().result()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _told(begun: deque[Future[Done]], interruption: Interruption, waiting: int) -> Iterator[Done]:
    """Those that are done, in order, until no more than so many wait."""
    while begun and (begun[0].done() or len(begun) > waiting):
        with interruption.deferred():
            yield begun.popleft().result()


def _after(earlier: Future[Done] | None, task: Callable[[], Done]) -> Done:
    if earlier is not None:
        wait([earlier])
    return task()
