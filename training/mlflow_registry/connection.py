"""Reach MLflow: a client, a check that its server answers, and its failures in one line."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import mlflow
from alembic.util import CommandError
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking.request_header import registry as request_headers
from requests.exceptions import ChunkedEncodingError
from sqlalchemy.exc import SQLAlchemyError

from compat.mlflow_headers import leave_out_databricks
from training.errors import RegistryError, causes

Result = TypeVar("Result")

# Seconds for a connection, and again for the first bytes of an answer.
ANSWERS_WITHIN = 4.0
REMEDY = "start it, or unset MLFLOW_TRACKING_URI and `training.tracking_uri` to keep runs under STOCKS_HOME"


def client_of(uri: str) -> MlflowClient:
    """A client of the MLflow at `uri`, where runs of this process are logged from now on."""
    leave_out_databricks(request_headers)
    mlflow.set_tracking_uri(uri)
    return MlflowClient(uri)


def check_answers(uri: str) -> None:
    """Raise RegistryError unless a server answers at `uri`; without this each request would wait in turn.

    Any answer will do, because MLflow itself handles keys and certificates. Addresses of other schemes are not checked.
    """
    if urlsplit(uri).scheme not in {"http", "https"}:
        return
    address = without_secret(uri).rstrip("/")
    try:
        with httpx.stream("GET", f"{address}/health", timeout=ANSWERS_WITHIN):
            pass
    except httpx.TimeoutException:
        raise RegistryError(f"MLflow at {address} does not answer within {ANSWERS_WITHIN:.0f} s; {REMEDY}") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if not _comes_from(error, ssl.SSLError):
            raise RegistryError(f"MLflow at {address} does not answer: {first_line(error)}; {REMEDY}") from None


def twice(write: Callable[[], Result]) -> Result:
    """What `write` gives, or once more where it fails: a database refuses one of two who insert a row in one moment.

    By the second time the other trainer's row is there, and is only changed.
    """
    try:
        return write()
    except MlflowException:
        return write()


def past_a_restart(work: Callable[[], Result], again: Callable[[], Result]) -> Result:
    """What `work` gives, or `again` where a server broke off in the middle of an answer, as one that is restarted does.

    It may have done what it was asked for. MLflow itself asks again where no answer begins, but not then.
    """
    try:
        return work()
    except RegistryError as error:
        if not _comes_from(error, ChunkedEncodingError):
            raise
        return again()


def _comes_from(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in causes(error))


@contextmanager
def translated(subject: str) -> Iterator[None]:
    """Raise what MLflow and its stores raise as a RegistryError of one line.

    Raises:
        RegistryError: in place of it.
    """
    try:
        yield
    except RegistryError:
        raise
    except (MlflowException, SQLAlchemyError, CommandError, OSError, ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{subject}: MLflow failed: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error says, without the user and password that an address in it may carry."""
    return without_secret(str(error).partition("\n")[0] or type(error).__name__)


def without_secret(text: str) -> str:
    """`text` without the user and password of any address in it."""
    return re.sub(r"//[^/\s@]+@", "//", text)
