"""The pointer to the newest entry of a real BentoML model store."""

from pathlib import Path

import pytest
import yaml

from forecasting.model_store import LATEST_FILE, newest_folder, read_published_model
from training.errors import NotPublished
from training.learning.pipeline import Trained
from training.mlflow_registry.runs.contents import card_of
from training.publishing.pointer import point_at
from training.publishing.publish import publish


def newest_version(model_store: Path) -> int:
    folder = newest_folder([model_store], "TEST", 1)
    assert folder is not None
    return read_published_model(folder).card.version


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"v9-gone"])
def test_a_broken_pointer_prevents_no_publication(model_store: Path, trained: Trained, content: bytes) -> None:
    publish(card_of(trained, "run", 1), trained.onnx)
    (model_store / "forest-test-1" / LATEST_FILE).write_bytes(content)

    publish(card_of(trained, "run", 2), trained.onnx)

    assert newest_version(model_store) == 2


def test_an_entry_that_bentoml_has_not_described_prevents_no_publication(model_store: Path, trained: Trained) -> None:
    tag = publish(card_of(trained, "run", 1), trained.onnx)
    (model_store / "forest-test-1" / tag.partition(":")[2] / "model.yaml").unlink()

    publish(card_of(trained, "run", 2), trained.onnx)

    assert newest_version(model_store) == 2


def test_a_clock_that_was_set_back_prevents_no_publication(model_store: Path, trained: Trained) -> None:
    tag = publish(card_of(trained, "run", 1), trained.onnx)
    described = model_store / "forest-test-1" / tag.partition(":")[2] / "model.yaml"
    fields = yaml.safe_load(described.read_text(encoding="utf-8"))
    described.write_text(yaml.safe_dump(fields | {"creation_time": "2999-01-01T00:00:00+00:00"}), encoding="utf-8")

    publish(card_of(trained, "run", 2), trained.onnx)

    assert newest_version(model_store) == 2


def test_a_publication_that_fails_leaves_no_entry(
    model_store: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = publish(card_of(trained, "run", 1), trained.onnx)

    def fail(_folder: Path, _entry: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("training.publishing.publish.point_at", fail)
    with pytest.raises(NotPublished, match="no space left"):
        publish(card_of(trained, "run", 2), trained.onnx)

    assert {path.name for path in (model_store / "forest-test-1").iterdir()} == {tag.partition(":")[2], LATEST_FILE}


def test_a_pointer_that_stays_elsewhere_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / LATEST_FILE).write_text("old", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", lambda path, _target: path.unlink())  # a file system that loses a rename

    with pytest.raises(NotPublished, match="the store names old as newest, not new"):
        point_at(tmp_path, "new")
