"""What hinders every training is told from what is wrong with one model."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from mlflow.exceptions import MlflowException
from sqlalchemy import create_engine, text
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ResponseError

from training.errors import NotPublished, RegistryError, TooFewSessions
from training.execution.hindrance import hindrance_of
from training.mlflow_registry.connection import check_answers, translated


def raised_by(work: Callable[[], object]) -> Exception:
    with pytest.raises(RegistryError) as caught, translated("forest-AAPL-1"):
        work()
    return caught.value


def test_a_server_that_is_away() -> None:
    assert hindrance_of(raised_by(lambda: check_answers("http://127.0.0.1:9"))) == "mlflow"
    assert hindrance_of(raised_by(lambda: requests.get("http://127.0.0.1:9", timeout=5))) == "mlflow"


@pytest.mark.parametrize(("status", "found"), [(502, "mlflow"), (503, "mlflow"), (504, "mlflow"), (500, None)])
def test_a_proxy_without_a_server_is_no_server_that_refuses(status: int, found: str | None) -> None:
    many = ResponseError(ResponseError.SPECIFIC_ERROR.format(status_code=status))
    refused = requests.exceptions.RetryError(MaxRetryError(HTTPConnectionPool("127.0.0.1"), "/", many))

    def ask() -> None:
        try:
            raise refused
        except requests.exceptions.RequestException as error:
            raise MlflowException(f"API request failed with exception {error}")  # noqa: B904  # as MLflow does

    assert hindrance_of(raised_by(ask)) == found


def test_a_full_disk_of_the_register_or_of_the_model_store(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'mlflow.db'}")

    def fill() -> None:
        with engine.begin() as connection:
            connection.execute(text("PRAGMA max_page_count = 3"))
            connection.execute(text("CREATE TABLE rows (value BLOB)"))
            connection.execute(text("INSERT INTO rows VALUES (zeroblob(100000))"))

    assert hindrance_of(raised_by(fill)) == "disk"
    engine.dispose()
    full = NotPublished("forest-aapl-1: version 1 is not in the model store")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert hindrance_of(full) == "disk"


@pytest.mark.parametrize(
    "error",
    [
        TooFewSessions("AAPL: too few"),
        RegistryError("AAPL: there is no version 9"),
        MlflowException("RESOURCE_DOES_NOT_EXIST"),
        PermissionError(errno.EACCES, "Permission denied"),
        sqlite3.OperationalError("database is locked"),
    ],
)
def test_what_is_wrong_with_one_model_hinders_no_other(error: Exception) -> None:
    assert hindrance_of(error) is None
