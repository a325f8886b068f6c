"""Logs as structlog writes them: JSON lines, or colours where a person looks on."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# Of the request under way; empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Loggers that bring handlers of their own.
TAKEN_OVER = ("bentoml", "uvicorn", "uvicorn.error", "uvicorn.access", "circus")
# Where BentoML writes a traceback for every request that it does not answer with 200.
REQUESTS = "bentoml._internal.server.http_app"
SERVER_ERROR = 500


_one_at_a_time = threading.Lock()
# A process that is forked while another thread writes a line would wait for ever for that line's end.
os.register_at_fork(
    before=_one_at_a_time.acquire, after_in_parent=_one_at_a_time.release, after_in_child=_one_at_a_time.release
)
_told_of_lost_lines: list[Callable[[], None]] = []


def on_lost_line(tell: Callable[[], None]) -> None:
    """Have `tell` called for each line that could not be written."""
    _told_of_lost_lines.append(tell)


def configure(level: str, without: Collection[str] = ()) -> None:
    """Send everything that is logged in this process, by us or by libraries, to standard error in one form.

    Args:
        level: the least important one that is written: debug, info, warning or error.
        without: events of ours that are told in another way.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    dropped: list[Processor] = [_dropping(frozenset(without))] if without else []
    shared: list[Processor] = [
        _with_request,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _rendering(for_a_person=sys.stderr.isatty())
    # Our own events are written as they are: a record of the standard library on the way would double what they cost.
    structlog.configure(
        processors=[*dropped, *shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    for name in TAKEN_OVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes whole URLs, keys included
    logging.getLogger("uvicorn.access").propagate = False  # with a handler in reach uvicorn prepares a line per request
    logging.getLogger(REQUESTS).addFilter(_no_mistake_of_a_client)


def _no_mistake_of_a_client(record: logging.LogRecord) -> bool:
    """Whether a line about a failed request is worth writing: the answer says what a client has done wrong."""
    from pydantic import ValidationError  # noqa: PLC0415  # an idle trainer logs without it

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ValidationError):
        return not error.title.endswith("IODescriptor")  # BentoML's name for what a request holds
    return int(getattr(error, "error_code", SERVER_ERROR)) >= SERVER_ERROR


def _dropping(events: frozenset[str]) -> Processor:
    def drop(_logger: Any, _method: str, event: EventDict) -> EventDict:
        if event["event"] in events:
            raise structlog.DropEvent
        return event

    return drop


def _with_request(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if identity := request_id.get():
        event["request_id"] = identity
    return event


def _rendering(*, for_a_person: bool) -> list[Processor]:
    """Return what makes a line of an event; tracebacks come without the values of variables, which may be keys."""
    if for_a_person:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]


class _Lines:
    """Writes lines to standard error; knows the name that it was asked for. It never raises."""

    def __init__(self, name: str = "root") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line, or count it as lost where none can be written: a full disk, a closed pipe."""
        try:
            with _one_at_a_time:
                sys.stderr.write(line + "\n")
                sys.stderr.flush()
        except (OSError, ValueError):
            for tell in _told_of_lost_lines:
                tell()

    debug = info = warning = warn = error = critical = exception = msg


class _Handler(logging.StreamHandler[Any]):
    """The same for what libraries log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002  # as the library has it
        """Count the line as lost."""
        for tell in _told_of_lost_lines:
            tell()
