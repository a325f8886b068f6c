"""Which published versions stay in a real BentoML model store, and which leave it."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bentoml
import pytest

from forecasting.card import CARD_FILE, FOREST_FILE
from forecasting.model_store import newest_folder, read_published_model
from training.learning.pipeline import Trained
from training.mlflow_registry.runs.contents import card_of
from training.publishing.pruning import KEPT, KEPT_FOR, TRASH, prune
from training.publishing.publish import publish

DAY = 86400.0
Publish = Callable[..., str]


@pytest.fixture
def publish_old(model_store: Path, trained: Trained) -> Publish:
    """Publish a version as if it had been so many seconds ago; the store's order is that of the calls."""

    def make(version: int, ago: float = 0.0) -> str:
        name = publish(card_of(trained, "run", version), trained.onnx).partition(":")[2]
        moment = time.time() - ago
        os.utime(model_store / "forest-test-1" / name, (moment, moment))
        return name

    return make


def entries(model_store: Path) -> set[str]:
    return {path.name for path in (model_store / "forest-test-1").iterdir() if path.is_dir()}


def test_old_versions_leave_the_store_and_the_newest_stay(model_store: Path, publish_old: Publish) -> None:
    names = [publish_old(version, DAY * (20 - version)) for version in range(1, 8)]

    last = publish_old(8)

    assert entries(model_store) == {*names[-(KEPT - 1) :], last}
    assert {str(model.tag.version) for model in bentoml.models.list()} == entries(model_store)
    folder = newest_folder([model_store], "TEST", 1)
    assert folder is not None
    assert read_published_model(folder).card.version == 8
    assert not list(model_store.parent.glob(f"{TRASH}*"))


def test_what_was_replaced_a_moment_ago_stays_whatever_its_age(model_store: Path, publish_old: Publish) -> None:
    # A service may serve a version for months, and still be opening it when three more come within a second.
    first = publish_old(1, 90 * DAY)
    for version in range(2, 2 + KEPT):
        publish_old(version)
    assert first in entries(model_store)

    for entry in entries(model_store) - {first}:
        moment = time.time() - KEPT_FOR - 60
        os.utime(model_store / "forest-test-1" / entry, (moment, moment))
    publish_old(99)

    assert first not in entries(model_store)


BENTO = """
service: service:StockPrediction
name: stock_prediction
version: one
bentoml_version: 1.4.39
creation_time: 2024-03-08T00:00:00+00:00
models:
- tag: forest-test-1:v0-b
  creation_time: 2024-03-08T00:00:00+00:00
"""


@pytest.fixture
def bento(model_store: Path) -> Iterator[Path]:
    """A bento of the same store, as its file says."""
    file = model_store.parent / "bentos" / "stock_prediction" / "one" / "bento.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(BENTO, encoding="utf-8")
    yield file
    shutil.rmtree(file.parents[1])


@pytest.fixture
def ancient(model_store: Path, publish_old: Publish) -> Path:
    """A model's folder with as many entries as are kept, and three more that are older than all of them."""
    folder = model_store / "forest-test-1"
    names = [publish_old(version, DAY * (20 - version)) for version in range(1, KEPT + 1)]
    for name in ("v0-a", "v0-b", "v0-c"):
        shutil.copytree(folder / names[0], folder / name)
        os.utime(folder / name, (1.0, 1.0))
    return folder


def test_what_the_store_points_at_and_what_a_bento_holds_stays(ancient: Path, bento: Path) -> None:
    assert bento.is_file()
    (ancient / "latest").write_text("v0-a", encoding="utf-8")

    assert prune(ancient) == ["v0-c"]


def test_while_a_bento_cannot_be_read_nothing_is_removed(ancient: Path, bento: Path) -> None:
    bento.write_text("name: [", encoding="utf-8")

    assert prune(ancient) == []


def test_models_of_other_names_are_left_alone(model_store: Path, publish_old: Publish) -> None:
    publish_old(1, 5 * DAY)
    shutil.copytree(model_store / "forest-test-1", model_store / "forest-test-5")
    for version in range(2, 4 + KEPT):
        publish_old(version, (10 - version) * DAY / 10)

    assert len(list((model_store / "forest-test-5").iterdir())) == 2


def test_a_folder_that_cannot_be_read_costs_no_publication(tmp_path: Path) -> None:
    assert prune(tmp_path / "bentoml" / "models" / "none") == []


def test_what_was_interrupted_is_swept_later(model_store: Path, publish_old: Publish) -> None:
    left, fresh = (model_store.parent / f"{TRASH}{name}" for name in ("left", "fresh"))
    for folder in (left, fresh):
        folder.mkdir()
    os.utime(left, (1.0, 1.0))

    publish_old(1)

    assert not left.exists()
    assert fresh.exists()
    fresh.rmdir()


def test_publishers_at_once_keep_every_reader_served(model_store: Path, publish_old: Publish) -> None:
    for version in range(1, 12):
        publish_old(version, DAY * (20 - version))
    folder = model_store / "forest-test-1"
    done = threading.Event()
    problems: list[str] = []

    def read() -> None:
        while not done.is_set():
            newest = newest_folder([model_store], "TEST", 1)
            if newest is not None and not all((newest / name).is_file() for name in (CARD_FILE, FOREST_FILE)):
                problems.append(newest.name)

    def publish_some(first: int) -> None:
        for version in range(first, first + 5):
            publish_old(version)
            prune(folder)

    reader = threading.Thread(target=read)
    publishers = [threading.Thread(target=publish_some, args=(first,)) for first in (100, 200)]
    reader.start()
    for thread in publishers:
        thread.start()
    for thread in publishers:
        thread.join()
    done.set()
    reader.join()

    assert problems == []
    young = {name for name in entries(model_store) if int(name[1:].partition("-")[0]) >= 100}
    assert len(young) == 10
    # Of the old ones the newest stays, which was replaced a moment ago.
    assert len(entries(model_store) - young) == 1
    assert all((folder / entry / CARD_FILE).is_file() for entry in entries(model_store))
    assert not list(model_store.parent.glob(f"{TRASH}*"))
