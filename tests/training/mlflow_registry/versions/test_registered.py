"""A version with its files, read for publishing from a real MLflow store."""

import pickle
from pathlib import Path

import pytest

from configuration import Settings
from training.errors import RegistryError
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.publishing.operations import (
    promote,
    published_version,
)


def test_a_version_comes_back_as_it_was_recorded(registry: Registry, trained: Trained) -> None:
    registered = registry.record(trained)
    again = registry.get("TEST", 1, 1)
    assert again.card == registered.card
    assert again.onnx == registered.onnx == trained.onnx


RAN = "a pickle was opened"

PICKLED = """  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.9.1
"""


class Pickled:
    """Runs code when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, tuple[Path, str]]:
        return Path.write_text, (self._marker, RAN)


def test_whatever_model_mlflow_keeps_is_never_opened(
    registry: Registry, settings: Settings, trained: Trained, tmp_path: Path
) -> None:
    registry.record(trained)
    (folder,) = {path.parent for path in (settings.home / "mlflow").rglob("model.onnx")}
    (folder / "model.onnx").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps(Pickled(tmp_path / "marker")))
    described = (folder / "MLmodel").read_text(encoding="utf-8").replace("model.onnx", "model.pkl")
    (folder / "MLmodel").write_text(described.replace("flavors:\n", "flavors:\n" + PICKLED), encoding="utf-8")

    promote(registry, "TEST", 1, 1)

    assert not (tmp_path / "marker").exists()
    assert published_version(settings, "TEST", 1) == "1"


@pytest.mark.parametrize("content", [b"", b"another model", b"\x80\x04\x95."])
def test_a_file_that_is_not_its_cards_is_refused(
    registry: Registry, settings: Settings, trained: Trained, content: bytes
) -> None:
    registry.record(trained)
    (path,) = (settings.home / "mlflow").rglob("publish/forest.onnx")
    path.write_bytes(content)

    with pytest.raises(RegistryError, match="its ONNX file is not the one of its model card"):
        promote(registry, "TEST", 1, 1)

    assert registry.champion("TEST", 1) is None


def test_a_version_trained_on_other_features_is_refused(
    registry: Registry, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.record(trained)
    monkeypatch.setattr("forecasting.card.VERSION", 999)

    with pytest.raises(RegistryError, match="trained on other features than this release computes"):
        promote(registry, "TEST", 1, 1)
