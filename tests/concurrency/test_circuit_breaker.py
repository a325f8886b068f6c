"""A part that failed is left alone, then probed by one call."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from concurrency.circuit_breaker import CircuitBreaker, CircuitOpen


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeBreaker = Callable[..., CircuitBreaker]


@pytest.fixture
def make(clock: Clock) -> MakeBreaker:
    return partial(CircuitBreaker, cool_down=10.0, now=clock)


def fail(breaker: CircuitBreaker) -> None:
    with pytest.raises(ConnectionError), breaker.calling(OSError):
        raise ConnectionError


def state(breaker: CircuitBreaker) -> str:
    return breaker.state


def is_called(breaker: CircuitBreaker) -> bool:
    try:
        with breaker.calling(OSError):
            return True
    except CircuitOpen:
        return False


def test_a_failure_opens_it_for_the_cool_down(make: MakeBreaker, clock: Clock) -> None:
    breaker = make()
    assert state(breaker) == "closed"
    fail(breaker)
    assert (state(breaker), breaker.seconds_open) == ("open", 10.0)
    assert not is_called(breaker)
    clock.seconds += 10.1
    assert state(breaker) == "half_open"
    assert is_called(breaker)
    assert state(breaker) == "closed"


def test_it_opens_after_as_many_failures_in_a_row_as_are_allowed(make: MakeBreaker) -> None:
    breaker = make(failures=3)
    for _ in range(2):
        fail(breaker)
        fail(breaker)
        assert is_called(breaker)  # a success in between begins the count anew
    fail(breaker)
    fail(breaker)
    assert state(breaker) == "closed"
    fail(breaker)
    assert state(breaker) == "open"


def test_the_cool_down_doubles_up_to_the_longest(make: MakeBreaker, clock: Clock) -> None:
    breaker = make(longest_cool_down=35.0)
    for expected in (10.0, 20.0, 35.0, 35.0):
        fail(breaker)
        assert breaker.seconds_open == pytest.approx(expected)
        clock.seconds += expected + 0.1


def test_while_one_call_probes_the_others_are_refused(make: MakeBreaker, clock: Clock) -> None:
    breaker = make()
    fail(breaker)
    clock.seconds += 11
    with breaker.calling(OSError), pytest.raises(CircuitOpen, match="another call probes it"):
        breaker.admit()
    assert is_called(breaker)


def test_a_probe_that_is_cancelled_lets_the_next_call_probe(make: MakeBreaker, clock: Clock) -> None:
    breaker = make()
    fail(breaker)
    clock.seconds += 11
    with pytest.raises(asyncio.CancelledError), breaker.calling(OSError):
        raise asyncio.CancelledError
    assert state(breaker) == "half_open"
    assert is_called(breaker)


def test_calls_that_fail_together_are_one_failure(make: MakeBreaker) -> None:
    breaker = make(longest_cool_down=100.0)
    for _ in range(5):
        breaker.admit()
    for _ in range(5):
        breaker.fail()
    assert breaker.seconds_open == 10.0


def test_other_exceptions_are_no_failure_of_the_part(make: MakeBreaker) -> None:
    breaker = make()
    with pytest.raises(ValueError, match="of the caller"), breaker.calling(OSError):
        raise ValueError("of the caller")
    assert state(breaker) == "closed"


def test_a_pause_is_never_shortened_and_needs_no_probe(make: MakeBreaker, clock: Clock) -> None:
    breaker = make()
    breaker.pause(60)
    breaker.pause(5)
    assert breaker.seconds_open == 60
    clock.seconds += 60
    assert state(breaker) == "closed"
