"""A part that fails is left alone for a while, so that it costs one time-out and not one for each call."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

State = Literal["closed", "open", "half_open"]


class CircuitOpen(Exception):
    """The part failed a short while ago; it is not called for `seconds` more, 0 while another call probes it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not called for another {seconds:.0f} s" if seconds else "another call probes it")
        self.seconds = seconds


class CircuitBreaker:
    """State of one part in this process; safe between threads.

    Closed: every call goes through. Open: none does, until the cool-down is over. Half open: one call probes the part,
    the others are refused until it ends; its success closes the circuit, its failure opens it for longer.

    Args:
        failures: in a row that open the circuit.
        cool_down: seconds for which it is open.
        longest_cool_down: seconds; the cool-down doubles with each further failure up to this, never without it.
        now: seconds of a clock that is never set, such as `time.monotonic`.
    """

    def __init__(
        self,
        *,
        cool_down: float,
        longest_cool_down: float | None = None,
        failures: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cool_down = cool_down
        self._longest_cool_down = longest_cool_down or cool_down
        self._allowed = failures
        self._now = now
        self._failures = 0
        self._open_until = float("-inf")
        self._probing = False
        self._lock = threading.Lock()

    @property
    def state(self) -> State:
        """Whether calls go through."""
        if self.seconds_open > 0:
            return "open"
        return "half_open" if self._failures >= self._allowed else "closed"

    @property
    def seconds_open(self) -> float:
        """Until a call may go through; 0 unless the circuit is open."""
        return max(self._open_until - self._now(), 0.0)

    @contextmanager
    def calling(self, *failures: type[Exception]) -> Iterator[None]:
        """Around one call; an exception of type `failures` is a failure of the part, no exception a success.

        Raises:
            CircuitOpen: the call must not be made now.
        """
        is_probe = self.admit()
        try:
            yield
        except failures:
            self.fail()
            raise
        else:
            self.succeed()
        finally:
            if is_probe:
                self.end_probe()

    def admit(self) -> bool:
        """Let a call go through and say whether it is the probe, whose caller must then call `end_probe`.

        Raises:
            CircuitOpen: the call must not be made now.
        """
        with self._lock:
            state = self.state
            if state == "open" or (state == "half_open" and self._probing):
                raise CircuitOpen(self.seconds_open)
            self._probing = state == "half_open"
            return self._probing

    def end_probe(self) -> None:
        """Let the next call probe when the last one neither succeeded nor failed."""
        self._probing = False

    def succeed(self) -> None:
        """Close the circuit."""
        with self._lock:
            self._failures, self._open_until = 0, float("-inf")

    def fail(self) -> None:
        """Count a failure; calls that began before the circuit opened fail with it, not once more each."""
        with self._lock:
            if self.state == "open":
                return
            self._failures += 1
            further = self._failures - self._allowed
            if further >= 0:
                self._open_until = self._now() + min(self._cool_down * 2**further, self._longest_cool_down)

    def pause(self, seconds: float) -> None:
        """Open the circuit for at least `seconds`, whatever failed before."""
        with self._lock:
            self._open_until = max(self._open_until, self._now() + seconds)
