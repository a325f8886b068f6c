"""An ensemble is the weighted average of its members, and its weights know the past alone."""

from dataclasses import replace

import numpy as np
import pytest

import configuration
from configuration import ConfigurationError
from market.bars import Bars
from tests.training.recipes_of_tests import recipe
from training.learning.dataset import Dataset, make_dataset
from training.recipes import make_recipe
from training.recipes.ensemble import Ensemble

ROWS = 600


@pytest.fixture(scope="module")
def data(short_bars: Bars) -> Dataset:
    return make_dataset(short_bars, 5)


def ensemble(sharpness: float = 20.0) -> Ensemble:
    members = (recipe("forest").model_copy(update={"n_estimators": 3}), recipe("linear"))
    return Ensemble(members=members, held_out=252, sharpness=sharpness)


def test_its_outputs_are_the_weighted_average_of_its_members(data: Dataset) -> None:
    both = ensemble()

    found = both.fit(data, ROWS, 1).model.predict(data.inputs)

    parts = [one.fit(data, ROWS, 1).model.predict(data.inputs) for one in both.members]
    weights = both.weights(data, ROWS, 1)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, sum(w * part for w, part in zip(weights, parts, strict=True)))


def test_the_better_member_weighs_more_the_sharper_the_choice(data: Dataset) -> None:
    mild, sharp = (ensemble(sharpness=power).weights(data, ROWS, 1) for power in (20.0, 500.0))

    assert mild.max() > 0.5
    assert mild.argmax() == sharp.argmax()
    assert sharp.max() > mild.max()
    assert ensemble(sharpness=0.0).weights(data, ROWS, 1).tolist() == [0.5, 0.5]


def test_what_comes_after_the_rows_of_a_fit_changes_no_weight(data: Dataset, short_bars: Bars) -> None:
    expected = ensemble().weights(data, ROWS, 1)

    known = len(short_bars) - (len(data) - ROWS) + data.horizon
    truncated = make_dataset(short_bars[:known], data.horizon)
    assert truncated.known == ROWS
    np.testing.assert_array_equal(ensemble().weights(truncated, ROWS, 1), expected)
    after = np.arange(len(data)) >= ROWS
    turned = replace(
        data,
        actual=np.where(after, 9.0, data.actual),
        log_ratio=np.where(after, 9.0, data.log_ratio),
        unit=np.where(after, 9.0, data.unit),
        inputs=np.where(after[:, np.newaxis], np.float32(9), data.inputs),
    )
    np.testing.assert_array_equal(ensemble().weights(turned, ROWS, 1), expected)


def test_what_came_before_them_does(data: Dataset) -> None:
    """So that the test above can fail."""
    held_out = (np.arange(len(data)) >= ROWS - 252) & (np.arange(len(data)) < ROWS)
    turned = replace(data, actual=np.where(held_out, 9.0 * data.actual[::-1], data.actual))

    assert not np.array_equal(ensemble().weights(turned, ROWS - 5, 1), ensemble().weights(data, ROWS - 5, 1))


def test_with_little_history_all_weigh_the_same(data: Dataset) -> None:
    assert ensemble().weights(data, 300, 1).tolist() == [0.5, 0.5]


def test_the_hyperparameters_of_the_members_are_told_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe("ensemble")
    monkeypatch.setenv("STOCKS_TRAINING__RECIPES__FOREST__N_ESTIMATORS", "7")

    after = recipe("ensemble")

    assert after.parameters["forest.n_estimators"] == 7
    assert after.parameters["members"] == "forest, linear"
    assert before.model_dump() != after.model_dump()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ('["forest", "ensemble"]', "training.recipes.ensemble.members: a list of other recipes' names"),
        ('["forest", "nobody"]', "recipe nobody: not among the configured"),
        ('["forest"]', "training.recipes.ensemble.members"),
    ],
)
def test_members_that_cannot_be_are_named(members: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__RECIPES__ENSEMBLE__MEMBERS", members)
    with pytest.raises(ConfigurationError, match=message.replace(".", r"\.")):
        make_recipe(configuration.load(), "ensemble")
