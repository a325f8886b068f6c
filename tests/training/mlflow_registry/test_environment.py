import os
import sys

import pytest
from mlflow.tracking.request_header.registry import resolve_request_headers

from training.mlflow_registry.environment import DEFAULTS, LOOKED_FOR, prepare_environment


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


def test_no_request_looks_for_another_platforms_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, LOOKED_FOR, raising=False)
    prepare_environment()
    looked: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_places: object) -> None:
            looked.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    resolve_request_headers()  # type: ignore[no-untyped-call]  # MLflow's own
    assert LOOKED_FOR not in looked
