"""What a follower writes is what serving reads: whole, checked, and no more than is needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forecasting import model_store_lock
from forecasting.model_store import PublishedModel, UnreadableModel, newest_folder, read_published_model
from serving.following.store import KEPT, published_version, put

Make = Callable[[int], PublishedModel]


@pytest.fixture
def make(tmp_path: Path, publisher: Any) -> Make:
    """Versions as the trainer's own store has them."""
    publish = publisher(tmp_path / "trainer")
    return lambda version: publish(version=version, below=(float(version), 0.0, 0.0))


def test_the_newest_put_is_served_and_few_are_kept(tmp_path: Path, make: Make) -> None:
    for version in range(1, KEPT + 3):
        made = make(version)
        put(tmp_path / "models", "forest-AAPL-1", made.card, made.forest.read_bytes())
        assert published_version(tmp_path / "models", "forest-AAPL-1") == version
    entries = [entry for entry in (tmp_path / "models" / "forest-aapl-1").iterdir() if entry.is_dir()]
    assert len(entries) == KEPT


def test_a_version_that_is_there_is_only_pointed_at(tmp_path: Path, make: Make) -> None:
    for version in (1, 2, 1):
        made = make(version)
        put(tmp_path / "models", "forest-AAPL-1", made.card, made.forest.read_bytes())
    folder = newest_folder([tmp_path / "models"], "AAPL", 1)
    assert folder is not None
    assert read_published_model(folder).card.version == 1


def test_nothing_is_put_while_a_trainer_beside_it_publishes(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_store_lock, "TIMEOUT", 0.05)
    made, root = make(1), tmp_path / "models"
    root.mkdir()

    with model_store_lock.publishing_lock(root), pytest.raises(OSError, match="publishing"):
        put(root, "forest-AAPL-1", made.card, made.forest.read_bytes())

    assert not list(root.iterdir())
    put(root, "forest-AAPL-1", made.card, made.forest.read_bytes())
    assert published_version(root, "forest-AAPL-1") == 1


def test_a_damaged_file_never_replaces_what_serves(tmp_path: Path, make: Make) -> None:
    first, second = make(1), make(2)
    put(tmp_path / "models", "forest-AAPL-1", first.card, first.forest.read_bytes())
    with pytest.raises(UnreadableModel, match="version 2"):
        put(tmp_path / "models", "forest-AAPL-1", second.card, second.forest.read_bytes()[:-1])
    assert published_version(tmp_path / "models", "forest-AAPL-1") == 1
