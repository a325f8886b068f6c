"""Models are decided side by side, and told one after another."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.patience import PATIENT
from training.execution.in_order import Task, one_by_one, side_by_side
from training.execution.interruption import Interruption


class Log:
    """Tasks that note when they begin and end; each named one waits until it is let go."""

    def __init__(self, *held: str) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.held = {name: threading.Event() for name in held}
        self.waiting = threading.Semaphore(0)

    def task(self, name: str) -> Task[str]:
        return name[0], lambda: self._run(name)

    def _run(self, name: str) -> str:
        self.begun.append(name)
        if name in self.held:
            self.waiting.release()
            assert self.held[name].wait(PATIENT)
        self.ended.append(name)
        return name

    def await_held(self) -> None:
        assert self.waiting.acquire(timeout=PATIENT)


def test_different_keys_run_side_by_side_and_are_told_in_the_order_they_came() -> None:
    log = Log("a")

    def let_go_of_a() -> str:
        log.await_held()
        log.held["a"].set()
        return "b"

    assert list(side_by_side(iter([log.task("a"), ("b", let_go_of_a)]), Interruption())) == ["a", "b"]


def test_those_of_one_key_run_one_after_another_in_order() -> None:
    log = Log("a1")

    def tasks() -> Iterator[Task[str]]:
        yield log.task("a1")
        log.await_held()
        yield log.task("a2")
        yield log.task("a3")
        yield log.task("b")
        assert log.begun[0] == "a1"
        assert not {"a2", "a3"} & set(log.begun)
        log.held["a1"].set()

    assert list(side_by_side(tasks(), Interruption())) == ["a1", "a2", "a3", "b"]
    assert [name for name in log.ended if name[0] == "a"] == ["a1", "a2", "a3"]


def test_no_more_wait_than_there_are_threads() -> None:
    log, third = Log("a"), threading.Event()

    def tasks() -> Iterator[Task[str]]:
        for name in "abcdef":
            if name == "c":
                third.set()
            if name == "d":
                assert "a" in log.ended
            yield log.task(name)

    def let_go_of_a() -> None:
        assert third.wait(PATIENT)
        log.held["a"].set()

    with ThreadPoolExecutor() as beside:
        beside.submit(let_go_of_a)
        assert list(side_by_side(tasks(), Interruption(), threads=2)) == list("abcdef")


InOrder = Callable[[Iterator[Task[str]], Interruption], Iterator[str]]


@pytest.mark.parametrize("in_order", [one_by_one, side_by_side])
def test_a_signal_while_the_next_is_awaited_interrupts_after_what_has_begun_is_told(in_order: InOrder) -> None:
    log, interruption = Log(), Interruption()
    told: list[str] = []

    def tasks() -> Iterator[Task[str]]:
        yield log.task("a")
        yield log.task("b")
        os.kill(os.getpid(), signal.SIGTERM)
        yield log.task("never")

    def tell() -> None:
        with interruption.handled():
            told.extend(name for name in in_order(tasks(), interruption))

    with pytest.raises(KeyboardInterrupt):
        tell()
    assert told == log.ended == ["a", "b"]


@pytest.mark.parametrize("in_order", [one_by_one, side_by_side])
def test_a_signal_while_one_is_told_lets_it_be_told_whole(in_order: InOrder) -> None:
    log, interruption = Log(), Interruption()
    told: list[str] = []

    def tell() -> None:
        with interruption.handled():
            for name in in_order(iter([log.task(name) for name in "abc"]), interruption):
                os.kill(os.getpid(), signal.SIGTERM)
                told.append(name)

    with pytest.raises(KeyboardInterrupt):
        tell()
    assert told == sorted(log.ended)
    assert told[0] == "a"
