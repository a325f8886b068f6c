"""What experiments test, brought from a real MLflow store into the model store under names of its own."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from forecasting.card import challenger_name
from forecasting.model_store import default_roots, newest_entry, newest_folder, read_published_model
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.publishing.challengers import publish_challengers
from training.publishing.operations import release
from training.worker.steps import finish_publications, work_until_idle
from training_queue.jobs import TrainingJobs
from training_queue.publications import Publications

MODEL = ("TEST", 1)


def experimenting(monkeypatch: pytest.MonkeyPatch, **challengers: str) -> Settings:
    experiments = [{"name": name, "challenger": challenger} for name, challenger in challengers.items()]
    monkeypatch.setenv("STOCKS_TICKERS", '["TEST"]')
    monkeypatch.setenv("STOCKS_SERVING__EXPERIMENTS", json.dumps(experiments))
    return configuration.load()


def test_a_challenger_is_published_by_alias_version_or_recipe_and_never_as_the_champion(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experimenting(monkeypatch, alias="challenger", number="1", newest="forest", later="boosting", nobody="2")
    release(registry, registry.record(trained))
    registry.record(trained)

    tags = publish_challengers(settings, registry, [MODEL])

    roots = default_roots(settings)
    found = {one: newest_entry(roots, challenger_name(one, *MODEL)) for one in ("alias", "number", "newest", "nobody")}
    versions = {name: read_published_model(folder).card.version for name, folder in found.items() if folder}
    assert versions == {"alias": 2, "number": 1, "newest": 2, "nobody": 2}
    assert newest_entry(roots, challenger_name("later", *MODEL)) is None, "nothing was trained by this recipe yet"
    champion = newest_folder(roots, *MODEL)
    assert champion is not None
    assert read_published_model(champion).card.version == 1
    assert len(tags) == 4
    marked = MlflowClient(settings.tracking_uri).get_model_version_by_alias("forest-TEST-1", "experiment-number")
    assert int(marked.version) == 1


def test_what_is_there_is_not_published_again(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experimenting(monkeypatch, alias="challenger")
    registry.record(trained)
    assert len(publish_challengers(settings, registry, [MODEL])) == 1

    assert publish_challengers(settings, registry, [MODEL]) == []
    assert publish_challengers(settings, registry, [("OTHER", 1)]) == []


def test_a_promotion_that_serving_asks_for_is_done_by_the_worker(
    registry: Registry, trained: Trained, settings: Settings
) -> None:
    release(registry, registry.record(trained))
    registry.record(trained)
    publications = Publications(settings.home)

    publications.request_promotion(*MODEL, 2)
    finish_publications(settings, publications)

    assert registry.champion(*MODEL) == 2
    folder = newest_folder(default_roots(settings), *MODEL)
    assert folder is not None
    assert read_published_model(folder).card.version == 2
    assert publications.left_behind() == []


class SleptThrough:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_promotion_wakes_a_worker_that_has_nothing_to_train(
    registry: Registry, trained: Trained, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.worker.steps.time", SleptThrough())
    release(registry, registry.record(trained))
    registry.record(trained)
    publications = Publications(settings.home)
    publications.request_promotion(*MODEL, 2)

    work_until_idle(TrainingJobs(settings.home), publications, add_missing=False)

    assert registry.champion(*MODEL) == 2
    assert publications.left_behind() == []


def test_a_promotion_that_fails_stays_on_the_list_and_waits(
    registry: Registry, trained: Trained, settings: Settings, model_store: Path
) -> None:
    release(registry, registry.record(trained))
    publications = Publications(settings.home)

    publications.request_promotion(*MODEL, 7)
    finish_publications(settings, publications)

    assert registry.champion(*MODEL) == 1
    assert publications.version_to_promote(*MODEL) == 7
    assert publications.left_behind() == [], "it is postponed"
    assert (model_store / "forest-test-1").is_dir()
