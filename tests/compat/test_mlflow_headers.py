import sys
from types import SimpleNamespace

import pytest
from mlflow.tracking.request_header import registry
from mlflow.tracking.request_header.databricks_request_header_provider import DatabricksRequestHeaderProvider
from mlflow.tracking.request_header.default_request_header_provider import DefaultRequestHeaderProvider

from compat.mlflow_headers import leave_out_databricks


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """MLflow's own, as it has them when it is imported."""
    of_this_test: list[object] = [DatabricksRequestHeaderProvider(), DefaultRequestHeaderProvider()]
    monkeypatch.setattr(vars(registry)["_request_header_provider_registry"], "_registry", of_this_test)
    return of_this_test


@pytest.mark.usefixtures("providers")
def test_no_request_looks_for_another_platforms_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_places: object) -> None:
            looked.append(name)

    leave_out_databricks(registry)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    headers = registry.resolve_request_headers()  # type: ignore[no-untyped-call]  # MLflow's own
    assert "mlflow-python-client" in headers["User-Agent"]
    assert looked == []


def test_the_providers_of_other_packages_stay(providers: list[object]) -> None:
    providers.append(other := object())
    leave_out_databricks(registry)
    leave_out_databricks(registry)
    assert [type(one) for one in providers] == [DefaultRequestHeaderProvider, object]
    assert providers[1] is other


@pytest.mark.parametrize("module", [object(), SimpleNamespace(_request_header_provider_registry=object())])
def test_a_release_without_them_is_named(module: object) -> None:
    with pytest.raises(RuntimeError, match=r"compat/mlflow_headers\.py stands for it"):
        leave_out_databricks(module)
