"""What may go wrong while BentoML starts, said in one line."""

import errno
import sys
from types import TracebackType

BUSY = (
    "the port is in use: something else listens there, perhaps this service already;"
    " end it, or choose another with `--port` (`make serve PORT=8000`)"
)


def explain_busy_port() -> None:
    """In the process that opens the sockets, in place of forty lines of traceback."""
    usual = sys.excepthook

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            print(BUSY, file=sys.stderr)  # noqa: T201  # for a person at a terminal, before there is a service
        else:
            usual(kind, error, trace)

    sys.excepthook = explain
