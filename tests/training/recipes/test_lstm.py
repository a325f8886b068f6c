"""The recurrent network: what ONNX says is what the training library says, and it learns from the order of sessions."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import onnxruntime
import pytest

import configuration
from configuration import ConfigurationError
from features.sequence import NAMES, SESSIONS
from market.bars import Bars
from tests.training.recipes_of_tests import quick, recipe
from training.learning.dataset import make_dataset
from training.learning.pipeline import Trained, export_onnx, train
from training.mlflow_registry.runs.contents import card_of
from training.recipes import installed, make_recipe
from training.recipes.lstm import Lstm, Recurrent


@pytest.fixture(scope="module")
def small() -> Lstm:
    made = recipe("lstm")
    assert isinstance(made, Lstm)
    return made


@pytest.fixture(scope="module")
def trained(small: Lstm, short_bars: Bars) -> Trained:
    return train(short_bars, 1, replace(quick(refit_every=150, tested=150), recipe=small))


def test_onnx_says_what_the_training_library_says(small: Lstm, short_bars: Bars) -> None:
    data = make_dataset(short_bars, 5)
    fitted = small.fit(data, data.known, 3)
    inputs = data.model_inputs(slice(None), SESSIONS)

    (found,) = onnxruntime.InferenceSession(export_onnx(small, fitted, data)).run(None, {"X": inputs})

    np.testing.assert_allclose(found, fitted.model.predict(inputs), rtol=0, atol=1e-5)
    assert np.std(found[:, 1]) > 0


def test_what_the_last_session_did_can_be_learnt(small: Lstm) -> None:
    """The target is the second of the three moves of the last session."""
    rows = np.random.default_rng(1).standard_normal((400, SESSIONS * len(NAMES)))
    target = rows[:, -2]
    settings = {"hidden": 4, "epochs": 40, "batch_size": 50, "learning_rate": 0.03}
    learning = small.model_copy(update=settings)
    assert Recurrent(learning, 1).fit(rows[:300], target[:300]).score(rows[300:], target[300:]) > 0.5


def test_its_card_says_how_many_sessions_it_reads(trained: Trained) -> None:
    card = card_of(trained, "run", 1)
    (given,) = onnxruntime.InferenceSession(trained.onnx).get_inputs()
    assert card.sessions == SESSIONS
    assert given.shape[1] == card.width
    assert card.model_type == "lstm"


def test_without_its_packages_it_is_left_out_or_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configuration.load()
    assert "lstm" in installed(settings)
    monkeypatch.setattr("training.recipes.find_spec", lambda name: None if name == "equinox" else find_spec(name))

    assert "lstm" not in installed(settings)
    with pytest.raises(ConfigurationError, match="recipe lstm needs the packages of the group `lstm`; run `make lstm`"):
        make_recipe(settings, "lstm")
