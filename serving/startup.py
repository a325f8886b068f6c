"""What may go wrong while BentoML starts, said in one line."""

import errno
import logging
import sys
from types import TracebackType

import click

BUSY = (
    "the port is in use: something else listens there, perhaps this service already;"
    " end it, or choose another with `--port` (`make serve PORT=8000`)"
)
LARGEST_PORT = 65535


def refuse_impossible_port() -> None:
    """In `bentoml serve`, which would listen at what is left of the number in 16 bits.

    Raises:
        SystemExit: with one line, where `--port` is none from 1 to 65535.
    """
    context = click.get_current_context(silent=True)
    port = context.params.get("port") if context else None
    if isinstance(port, int) and not 1 <= port <= LARGEST_PORT:
        sys.exit(f"--port {port}: there is no such port; give one from 1 to {LARGEST_PORT} (`make serve PORT=8000`)")


def explain_busy_port() -> None:
    """In the process that opens the sockets, in place of forty lines of traceback."""
    usual = sys.excepthook

    def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            print(BUSY, file=sys.stderr)  # noqa: T201  # for a person at a terminal, before there is a service
        else:
            usual(kind, error, trace)

    sys.excepthook = explain
    logging.getLogger("circus").addFilter(_is_more_than_the_error)


def _is_more_than_the_error(record: logging.LogRecord) -> bool:
    """Whether a line of the supervisor says more than the exception that it raises with it."""
    return not str(record.msg).startswith("Could not bind")
