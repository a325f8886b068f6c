"""SIGTERM and Ctrl-C as one exception, which never breaks into the record of a finished model."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Raises KeyboardInterrupt in the main thread for either signal; in a `deferred` block at its end."""

    def __init__(self) -> None:
        self._is_deferring = False
        self._is_pending = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals while the block runs, which is in the main thread."""
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let the block end before a signal interrupts; a second one does not wait."""
        self._is_deferring = True
        try:
            yield
        finally:
            self._is_deferring = False
        if self._is_pending:
            raise KeyboardInterrupt

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_deferring and not self._is_pending:
            self._is_pending = True
        else:
            raise KeyboardInterrupt
