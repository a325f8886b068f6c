import logging
import os

import pytest

from training.mlflow_registry.environment import DEFAULTS, prepare_environment


def test_mlflow_gives_up_soon_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.setenv(name, "of a test")  # so that it is as it was afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")

    prepare_environment()

    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert os.environ["MLFLOW_CONFIGURE_LOGGING"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_statement_of_a_failure_that_is_raised_and_told_is_not_logged_too() -> None:
    prepare_environment()

    assert not logging.getLogger("mlflow.store.db.utils").isEnabledFor(logging.ERROR)
    assert logging.getLogger("mlflow.tracking").isEnabledFor(logging.ERROR)
