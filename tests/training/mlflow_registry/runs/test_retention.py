"""What leaves MLflow when it is old, in a real store."""

from datetime import UTC, datetime, timedelta

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient
from structlog.testing import capture_logs

from configuration import Settings
from market.calendar.sessions import Sessions
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.runs.experiment import EXPERIMENT
from training.mlflow_registry.runs.retention import forget_runs, is_due, remove_forgotten

DAYS = 90
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=DAYS + 1)


@pytest.fixture
def registry(settings: Settings, sessions: Sessions) -> Registry:
    """Without a run of its own."""
    return Registry(settings, sessions)


@pytest.fixture
def client(settings: Settings, registry: Registry) -> MlflowClient:
    """Of the store that `registry` writes."""
    assert registry.prepare()
    return MlflowClient(settings.tracking_uri)


def experiment_id(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return str(experiment.experiment_id)


def names(client: MlflowClient, view: int = ViewType.ACTIVE_ONLY) -> list[str]:
    return sorted(str(run.info.run_name) for run in client.search_runs([experiment_id(client)], run_view_type=view))


def versions(client: MlflowClient) -> list[int]:
    return sorted(int(version.version) for version in client.search_model_versions("name = 'forest-TEST-1'"))


@pytest.mark.slow
def test_old_runs_and_rejected_versions_leave_and_champions_of_any_time_stay(
    client: MlflowClient, registry: Registry, settings: Settings, trained: Trained
) -> None:
    for name in ("first", "second", "third"):
        with registry.pipeline_run(name, {}):
            version = registry.record(trained).version
        if name != "second":
            registry.make_champion("TEST", 1, version)
    assert forget_runs(client, experiment_id(client), NOW, DAYS) == [], "all are young"

    forget_runs(client, experiment_id(client), LATER, DAYS)
    assert versions(client) == [1, 3], "1 was champion, 3 is"
    assert names(client) == ["TEST-1", "TEST-1", "first", "third"]

    kept, files = registry.get("TEST", 1, 1), settings.home / "mlflow" / "artifacts"
    size = sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    remove_forgotten(client, experiment_id(client), settings.tracking_uri, older_than="0s")
    assert sum(path.stat().st_size for path in files.rglob("*") if path.is_file()) < 0.75 * size
    assert names(client, ViewType.DELETED_ONLY) == []
    assert registry.get("TEST", 1, 1) == kept


def test_old_runs_are_looked_for_once_a_day(client: MlflowClient) -> None:
    assert is_due(client, experiment_id(client), NOW)
    assert not is_due(client, experiment_id(client), NOW)
    assert is_due(client, experiment_id(client), NOW + timedelta(days=1))


@pytest.mark.slow
def test_a_training_begins_although_old_runs_cannot_be_forgotten(
    client: MlflowClient,
    registry: Registry,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.delete_run(client.create_run(experiment_id(client)).info.run_id)
    file = settings.home / "a file"
    file.touch()
    monkeypatch.setattr(registry, "_uri", f"sqlite:///{file}/mlflow.db")
    with capture_logs() as events, registry.pipeline_run("all the same", {}):
        pass
    assert names(client) == ["all the same"]
    assert [event["event"] for event in events] == ["runs.not_forgotten"]
    assert "mlflow gc failed" in events[0]["problem"]
