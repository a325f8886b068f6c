"""What is written and what is not."""

import errno
import io
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
import structlog
from bentoml.exceptions import BentoMLException, InvalidArgument, ServiceUnavailable
from pydantic import BaseModel, ValidationError

import logs
from tests.patience import PATIENT


class RequestIODescriptor(BaseModel):
    """Named as BentoML names what a request holds."""

    tickers: list[str]


class Card(BaseModel):
    version: int


def error_of(model: type[BaseModel]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({})
    return caught.value


@contextmanager
def configured() -> Iterator[None]:
    """Logs as the service writes them, pytest's own handlers aside."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("info")
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (InvalidArgument("horizon 2 is not configured"), False),
        (error_of(RequestIODescriptor), False),
        (error_of(Card), True),
        (ServiceUnavailable("no worker"), True),
        (BentoMLException("a bug", error_code=HTTPStatus.INTERNAL_SERVER_ERROR), True),
        (KeyError("a bug"), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_of_failed_requests_those_are_written_that_are_no_clients_mistake(
    error: Exception,
    written: bool,  # noqa: FBT001
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured():
        logging.getLogger(logs.REQUESTS).error("Exception on %s [%s]", "/predict", "POST", exc_info=error)

    assert ("Exception on /predict [POST]" in capsys.readouterr().err) is written


def test_our_events_and_those_of_libraries_have_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    with configured():
        structlog.get_logger("ours").warning("something", ticker="AAPL")
        logging.getLogger("theirs").warning("something", extra={"ticker": "AAPL"})
        structlog.get_logger("ours").debug("too little")

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    for line in (ours, theirs):
        line.pop("timestamp")
    assert ours == {"event": "something", "logger": "ours", "level": "warning", "ticker": "AAPL"}
    assert theirs == ours | {"logger": "theirs"}


def test_the_server_prepares_no_line_for_each_request() -> None:
    with configured():
        assert not logging.getLogger("uvicorn.access").hasHandlers()
        assert logging.getLogger("uvicorn.error").hasHandlers()


def test_an_exception_is_written_without_the_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    secret = "a key of a provider"  # noqa: S105  # it looks like one, which is the point
    with configured():
        for logger in (structlog.get_logger("ours"), logging.getLogger("theirs")):
            try:
                int(secret[:0] + "x")
            except ValueError:
                logger.exception("failed")

    written = capsys.readouterr().err
    assert written.count("ValueError") >= 2
    assert secret not in written


class Broken(io.StringIO):
    """Standard error that nothing can be written to."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, _text: str) -> int:
        raise self._error


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), BrokenPipeError(), ValueError("I/O on a closed file")]
)
def test_a_line_that_cannot_be_written_is_counted_and_never_raises(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[None] = []
    monkeypatch.setattr(logs, "_told_of_lost_lines", [lambda: lost.append(None)])
    monkeypatch.setattr(sys, "stderr", Broken(error))
    with configured():
        structlog.get_logger("ours").warning("something")
        logging.getLogger("theirs").warning("something")

    assert len(lost) == 2


def test_a_terminal_sees_no_values_of_variables_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    key = "a key " + "of a provider"
    with configured():
        for logger in (structlog.get_logger("ours"), logging.getLogger("theirs")):
            try:
                int(key[:0] + "x")
            except ValueError:
                logger.exception("failed")

    written = capsys.readouterr().err
    assert written.count("ValueError") >= 2
    assert "a key of a provider" not in written


class Slow(io.StringIO):
    """Whoever writes to it waits to be let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_writing, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.is_writing.set()
        self.go_on.wait(PATIENT)
        return super().write(text)


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of a library that another test has imported
def test_a_process_that_is_forked_while_a_line_is_written_can_write_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    with configured():
        monkeypatch.setattr(sys, "stderr", slow)
        writing = threading.Thread(target=lambda: structlog.get_logger("ours").warning("of a thread"))
        writing.start()
        slow.is_writing.wait(PATIENT)
        threading.Timer(0.2, slow.go_on.set).start()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)  # ends one that waits for ever
            sys.stderr = io.StringIO()
            structlog.get_logger("ours").warning("of a child")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        writing.join(PATIENT)

    assert os.waitstatus_to_exitcode(status) == 0
