"""Signals interrupt between two models."""

import os
import signal

import pytest

from training.execution.interruption import SIGNALS, Interruption


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), Interruption().handled():
        signal.raise_signal(number)


def interrupted(interruption: Interruption, signals: int, done: list[str]) -> None:
    with interruption.handled():
        with interruption.deferred():
            for _ in range(signals):
                os.kill(os.getpid(), signal.SIGTERM)
            done.append("recorded")
        done.append("never")


@pytest.mark.parametrize(("signals", "recorded"), [(1, ["recorded"]), (2, [])])
def test_a_signal_waits_for_the_end_of_a_deferring_block_and_a_second_one_does_not(
    signals: int, recorded: list[str]
) -> None:
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        interrupted(Interruption(), signals, done)

    assert done == recorded


def test_the_handlers_from_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interruption().handled():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before
