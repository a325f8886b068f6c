"""A trained model becomes a run and a version in a real MLflow store."""

from typing import Any

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.tracking._model_registry.client import ModelRegistryClient
from requests.exceptions import ChunkedEncodingError

from configuration import Settings
from forecasting.card import model_name
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry


def test_a_recorded_model_is_the_challenger_with_everything_a_person_looks_for(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    registered = registry.record(trained)
    client = MlflowClient(settings.tracking_uri)
    version = client.get_model_version_by_alias("forest-TEST-1", "challenger")
    assert int(version.version) == registered.version == 1
    run = client.get_run(str(version.run_id))
    assert run.data.tags["ticker"] == "TEST"
    assert run.data.tags["simulated"] == "true"
    assert run.data.tags["bars_sha256"] == trained.data.bars_sha256
    assert run.data.metrics["coverage"] == pytest.approx(trained.metrics.coverage)
    assert {"skill_over_last_252", "skill_over_ewma", "skill_over_baseline"} <= set(run.data.metrics)
    assert run.data.params["seed"] == "1"
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.name == "TEST bars"
    artifacts = {file.path for folder in ("plots", "evaluation", "publish") for file in _files(client, run, folder)}
    assert {"plots/forecasts.png", "plots/quality.png", "evaluation/forecasts.csv", "publish/card.json"} <= artifacts


def _files(client: MlflowClient, run: mlflow.entities.Run, folder: str) -> list[mlflow.entities.FileInfo]:
    return list(client.list_artifacts(run.info.run_id, folder))


def test_the_list_of_versions_shows_the_scores(registry: Registry, settings: Settings, trained: Trained) -> None:
    registry.record(trained)
    found = MlflowClient(settings.tracking_uri).get_model_version("forest-TEST-1", "1")
    for name in ("skill_over_baseline", "skill_over_last_252", "mae_ratio"):
        assert float(found.tags[name]) == pytest.approx(trained.comparison[name], abs=1e-4)
    assert float(found.tags["coverage"]) == pytest.approx(trained.metrics.coverage, abs=1e-4)
    assert f"{trained.metrics.coverage:.1%} inside the 90 % interval" in str(found.description)


def test_a_model_that_another_trainer_registers_in_the_same_moment_is_used(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = MlflowClient.create_registered_model

    def create_after_another(client: MlflowClient, name: str) -> None:
        create(client, name)
        create(client, name)

    monkeypatch.setattr(MlflowClient, "create_registered_model", create_after_another)

    assert registry.record(trained).version == 1


def test_bars_that_another_trainer_logs_in_the_same_moment_are_used(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_inputs, attempts = MlflowClient.log_inputs, []

    def refuse_once(client: MlflowClient, *arguments: Any, **options: Any) -> None:
        attempts.append(arguments)
        if len(attempts) == 1:
            raise MlflowException("duplicate key value violates unique constraint")
        log_inputs(client, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "log_inputs", refuse_once)

    run_id = registry.record(trained).card.run_id

    inputs = MlflowClient().get_run(run_id).inputs
    assert inputs is not None
    assert [one.dataset.name for one in inputs.dataset_inputs] == ["TEST bars"]


def test_an_alias_that_another_trainer_makes_in_the_same_moment_is_moved(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_alias, attempts = ModelRegistryClient.set_registered_model_alias, []

    def refuse_once(client: ModelRegistryClient, name: str, alias: str, version: str) -> None:
        attempts.append(alias)
        if len(attempts) == 1:
            raise MlflowException("duplicate key value violates unique constraint")
        set_alias(client, name, alias, version)  # type: ignore[no-untyped-call]  # MLflow's own

    monkeypatch.setattr(ModelRegistryClient, "set_registered_model_alias", refuse_once)

    version = registry.record(trained).version

    assert attempts == ["challenger", "challenger"]
    challenger = MlflowClient().get_model_version_by_alias(model_name("TEST", 1), "challenger")
    assert int(challenger.version) == version


def test_a_version_that_a_server_made_twice_is_kept_once(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = MlflowClient.create_model_version

    def create_twice(client: MlflowClient, name: str, *arguments: Any, **options: Any) -> ModelVersion:
        create(client, name, *arguments, **options)  # whose answer is lost, so that MLflow sends the request again
        return create(client, name, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "create_model_version", create_twice)

    recorded = registry.record(trained)

    (version,) = MlflowClient().search_model_versions(f"name = '{model_name('TEST', 1)}'")
    assert (recorded.version, recorded.card.run_id) == (1, version.run_id)
    assert int(MlflowClient().get_model_version_by_alias(version.name, "challenger").version) == 1


@pytest.mark.parametrize("made", [True, False])
def test_an_answer_that_a_server_breaks_off_loses_and_doubles_no_version(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch, *, made: bool
) -> None:
    create, attempts = MlflowClient.create_model_version, []

    def break_off_once(client: MlflowClient, name: str, *arguments: Any, **options: Any) -> ModelVersion:
        attempts.append(name)
        if len(attempts) == 1:
            if made:
                create(client, name, *arguments, **options)
            raise MlflowException("API request failed") from ChunkedEncodingError("Connection broken")
        return create(client, name, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "create_model_version", break_off_once)

    recorded = registry.record(trained)

    (version,) = MlflowClient().search_model_versions(f"name = '{model_name('TEST', 1)}'")
    assert (recorded.version, recorded.card.run_id) == (1, version.run_id)
    assert MlflowClient().get_run(str(version.run_id)).info.status == "FINISHED"
    assert MlflowClient().get_model_version(version.name, "1").aliases == ["challenger"]
    assert registry.get("TEST", 1, 1).onnx == trained.onnx
