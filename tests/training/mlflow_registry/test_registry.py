"""Promotion, rollback and decisions in a real MLflow store."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from configuration import Settings
from forecasting.model_store import default_roots, newest_folder, read_published_model
from market.calendar.sessions import Sessions
from tests.mlflow_servers import end_tree
from training.errors import NotPublished, RegistryError
from training.learning.pipeline import Trained
from training.learning.promotion import decide
from training.mlflow_registry.registry import Registry
from training.publishing.operations import (
    newest_card,
    only_with_champion,
    promote,
    publish_champions,
    published_version,
    release,
    roll_back,
    standings,
)


def test_a_released_version_is_champion_and_published(registry: Registry, settings: Settings, trained: Trained) -> None:
    release(registry, registry.record(trained))
    assert registry.champion("TEST", 1) == 1
    folder = newest_folder(default_roots(settings), "TEST", 1)
    assert folder is not None
    published = read_published_model(folder)
    assert published.card.version == 1
    assert published.card.forest_sha256
    assert published.forest.stat().st_size < 200_000


def test_there_is_no_champion_of_what_was_never_trained(registry: Registry) -> None:
    assert registry.champion("TEST", 1) is None
    with pytest.raises(RegistryError, match="TEST: there is no champion"):
        only_with_champion(registry, [("TEST", 1)])
    with pytest.raises(RegistryError, match="there is no champion to roll back from"):
        roll_back(registry, "TEST", 1)


def test_a_version_can_be_promoted_by_hand_and_rolled_back(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    moments = [datetime.now(UTC)]
    release(registry, registry.record(trained))
    moments.append(datetime.now(UTC))
    registry.record(trained)
    assert published_version(settings, "TEST", 1) == "1"
    promote(registry, "TEST", 1, 2)
    moments.append(datetime.now(UTC))
    assert published_version(settings, "TEST", 1) == "2"
    assert roll_back(registry, "TEST", 1) == 1
    moments.append(datetime.now(UTC))
    assert registry.champion("TEST", 1) == 1
    assert [registry.champion_at("TEST", 1, moment, simulated=True) for moment in moments] == [None, 1, 2, 1]
    assert registry.champion_at("TEST", 1, moments[-1], simulated=False) is None
    assert published_version(settings, "TEST", 1) == "1"
    with pytest.raises(RegistryError, match="version 1 has no champion for the same kind of prices before it"):
        roll_back(registry, "TEST", 1)


def test_a_rolled_back_version_can_be_promoted_again(registry: Registry, trained: Trained) -> None:
    for _ in range(2):
        release(registry, registry.record(trained))
    assert roll_back(registry, "TEST", 1) == 1
    promote(registry, "TEST", 1, 2)
    assert roll_back(registry, "TEST", 1) == 1


def test_a_version_that_does_not_exist_is_named(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="TEST at horizon 1: there is no version 7; there is none; train one"):
        promote(registry, "TEST", 1, 7)


def test_publishing_puts_back_what_the_store_lost(
    registry: Registry, settings: Settings, model_store: Path, trained: Trained
) -> None:
    release(registry, registry.record(trained))
    shutil.rmtree(model_store / "forest-test-1")
    assert newest_card(settings, "TEST", 1) is None
    assert len(publish_champions(settings, registry, [("TEST", 1), ("TEST", 5)])) == 1
    assert published_version(settings, "TEST", 1) == "1"
    assert publish_champions(settings, registry, [("TEST", 1)]) == []


def version_of(settings: Settings, version: int) -> ModelVersion:
    return MlflowClient(settings.tracking_uri).get_model_version("forest-TEST-1", str(version))


def test_no_version_is_champion_and_challenger_at_once(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    release(registry, registry.record(trained))
    assert version_of(settings, 1).aliases == ["champion"]
    registry.record(trained)
    assert version_of(settings, 2).aliases == ["challenger"]
    promote(registry, "TEST", 1, 2)
    assert (version_of(settings, 1).aliases, version_of(settings, 2).aliases) == ([], ["champion"])
    registry.record(trained)
    roll_back(registry, "TEST", 1)
    assert [version_of(settings, each).aliases for each in (1, 2, 3)] == [["champion"], [], ["challenger"]]


def test_what_a_version_says_of_itself_follows_what_is_done_by_hand(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    good = decide(trained.candidate, trained.baselines["baseline"], None, 1, 0.002)
    kept = replace(good, promoted=False, reason="it is significantly worse than the baseline")
    first = registry.record(trained)
    release(registry, first)
    registry.write_decision(first, good)
    registry.write_decision(registry.record(trained), kept)

    promote(registry, "TEST", 1, 2)

    assert said(settings, 2) == ("promoted", "by hand", None)
    assert said(settings, 1) == ("promoted", good.reason, "2")

    roll_back(registry, "TEST", 1)

    assert said(settings, 2) == ("rolled back", "version 1 is champion again", "1")
    assert said(settings, 1) == ("promoted", "version 2 was rolled back", None)
    assert registry.standing("TEST", 1).decision == "rolled back"
    run = MlflowClient(settings.tracking_uri).get_run(str(version_of(settings, 2).run_id))
    assert run.data.tags["decision"] == "rolled back"


def said(settings: Settings, version: int) -> tuple[str | None, str | None, str | None]:
    tags = version_of(settings, version).tags
    return tags.get("decision"), tags.get("decision_reason"), tags.get("replaced_by")


def test_decisions_stand_on_the_version(registry: Registry, settings: Settings, trained: Trained) -> None:
    registered = registry.record(trained)
    decision = decide(trained.candidate, trained.baselines["baseline"], None, 1, 0.002)
    registry.write_decision(registered, decision)
    ((_, _, standing, published),) = standings(settings, registry, [("TEST", 1)])
    assert (standing.decision, standing.reason) == (decision.tags()["decision"], decision.reason)
    assert (standing.champion, standing.newest, published) == (None, 1, "")


def test_a_challenger_trained_on_shuffled_labels_is_not_promoted(registry: Registry, trained: Trained) -> None:
    bad = shuffled(trained)
    decision = decide(bad.candidate, bad.baselines["baseline"], trained.candidate, 1, 0.002)
    registered = registry.record(bad)
    registry.write_decision(registered, decision)
    assert not decision.promoted
    assert registry.standing("TEST", 1).decision == "rejected"


def shuffled(trained: Trained) -> Trained:
    """The same pipeline, its widths learnt from labels in random order, and forecast as they would have been."""
    from training.learning.walk_forward import walk_forward  # noqa: PLC0415
    from training.scoring.evaluation import evaluate  # noqa: PLC0415

    data = trained.data
    order = np.random.default_rng(0).permutation(data.known)
    labels = data.log_ratio.copy()
    labels[: data.known] = 3 * labels[order]
    tampered = replace(data, log_ratio=labels)
    return replace(trained, evaluation=evaluate(data, walk_forward(tampered, trained.config)))


def test_a_damaged_artifact_is_an_error_and_the_champion_stays(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    release(registry, registry.record(trained))
    second = registry.record(trained)
    for path in (settings.home / "mlflow" / "artifacts").rglob("card.json"):
        path.write_text("{", encoding="utf-8")
    with pytest.raises(RegistryError, match=f"forest-TEST-1 version {second.version}: its model card is damaged"):
        promote(registry, "TEST", 1, second.version)
    assert registry.champion("TEST", 1) == 1
    assert published_version(settings, "TEST", 1) == "1"


def test_a_rollback_whose_files_are_gone_moves_nothing(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    for _ in range(2):
        release(registry, registry.record(trained))
    run_id = version_of(settings, 1).run_id
    for path in (settings.home / "mlflow" / "artifacts" / str(run_id)).rglob("card.json"):
        path.unlink()

    with pytest.raises(RegistryError, match="forest-TEST-1 version 1: MLflow failed"):
        roll_back(registry, "TEST", 1)

    assert registry.champion("TEST", 1) == 2
    assert published_version(settings, "TEST", 1) == "2"
    assert version_of(settings, 2).tags.get("decision") != "rolled back"


def test_a_version_of_simulated_prices_replaces_one_of_real_ones_only_by_force(
    registry: Registry, settings: Settings, trained: Trained
) -> None:
    real = replace(trained, data=replace(trained.data, simulated=False, source="files"))
    release(registry, registry.record(real))
    registry.record(trained)

    with pytest.raises(RegistryError, match=r"TEST at horizon 1: version 2 was trained on simulated prices.*--force"):
        promote(registry, "TEST", 1, 2)
    assert (registry.champion("TEST", 1), published_version(settings, "TEST", 1)) == (1, "1")

    promote(registry, "TEST", 1, 2, force=True)
    assert published_version(settings, "TEST", 1) == "2"
    promote(registry, "TEST", 1, 1)
    assert published_version(settings, "TEST", 1) == "1"


def test_a_server_that_is_gone_is_named(settings: Settings, sessions: Sessions) -> None:
    training = settings.training.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    registry = Registry(settings.model_copy(update={"training": training}), sessions)
    with pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"):
        registry.champion("TEST", 1)
    with (
        pytest.raises(RegistryError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"),
        registry.pipeline_run("test", {}),
    ):
        pass


@pytest.mark.slow
@pytest.mark.fault
def test_a_server_that_goes_away_in_the_middle_leaves_the_champion_untouched(
    settings: Settings,
    sessions: Sessions,
    model_store: Path,
    trained: Trained,
    server: "tuple[str, subprocess.Popen[bytes]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("training.mlflow_registry.connection.ANSWERS_WITHIN", 60.0)
    url, process = server
    training = settings.training.model_copy(update={"tracking_uri": url})
    registry = Registry(settings.model_copy(update={"training": training}), sessions)
    with registry.pipeline_run("first", {}):
        release(registry, registry.record(trained))

    def record_while_it_ends() -> None:
        with registry.pipeline_run("second", {}):
            end_tree(process.pid)
            registry.record(trained)

    with pytest.raises(RegistryError, match="MLflow failed"):
        record_while_it_ends()
    assert mlflow.active_run() is None
    assert published_version(settings, "TEST", 1) == "1"
    assert len(list((model_store / "forest-test-1").iterdir())) == 2


def test_a_full_disk_is_said_and_the_old_model_stays(
    registry: Registry, settings: Settings, model_store: Path, trained: Trained
) -> None:
    release(registry, registry.record(trained))
    folder = model_store / "forest-test-1"
    registered = registry.record(trained)
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.write_bytes(b"")  # nothing can be made below a file, as on a disk without room
    with pytest.raises(NotPublished, match="forest-test-1: version 2 is not in the model store"):
        release(registry, registered)
    folder.unlink()
    kept.rename(folder)
    assert published_version(settings, "TEST", 1) == "1"
    assert len(publish_champions(settings, registry, [("TEST", 1)])) == 1
    assert published_version(settings, "TEST", 1) == "2"
