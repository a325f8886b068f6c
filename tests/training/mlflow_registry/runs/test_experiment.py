"""The experiment in a real MLflow store."""

from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from configuration import Settings
from market.calendar.sessions import Sessions
from training.mlflow_registry.registry import Registry


def test_an_experiment_that_another_trainer_creates_in_the_same_moment_is_used(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, created = MlflowClient.create_experiment, []

    def create_after_another(client: MlflowClient, name: str, **options: Any) -> str:
        created.append(create(client, name, **options))
        return create(client, name, **options)

    monkeypatch.setattr(MlflowClient, "create_experiment", create_after_another)

    assert [Registry(settings, sessions).prepare()] == created


def test_a_tag_that_another_trainer_sets_in_the_same_moment_is_changed(
    settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_tag, attempts = MlflowClient.set_experiment_tag, []

    def refuse_once(client: MlflowClient, experiment_id: str, key: str, value: str) -> None:
        attempts.append(key)
        if len(attempts) == 1:
            raise MlflowException("duplicate key value violates unique constraint")
        set_tag(client, experiment_id, key, value)

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse_once)

    experiment = MlflowClient(settings.tracking_uri).get_experiment(Registry(settings, sessions).prepare())

    assert attempts[0] in experiment.tags
