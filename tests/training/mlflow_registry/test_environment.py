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
