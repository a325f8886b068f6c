"""From a model's outputs to a width: numbers on a card."""

import numpy as np
import pytest

from features import ECHO, NAMES
from forecasting.formula import LARGEST_WIDENING, Formula, TrainingInputs, training_inputs

USUAL = TrainingInputs(mean=(0.0,) * len(NAMES), scale=(1.0,) * len(NAMES), limit=2.0)


def formula(**given: float) -> Formula:
    values = {"mean": 0.1, "lowest": -1.0, "highest": 1.0, "trust": 1.0, "echo_weight": 0.0} | given
    return Formula(training_inputs=USUAL, **values)


def inputs(value: float = 0.0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.full((1, len(NAMES)), value, dtype=np.float32)


def test_averages_the_forest_and_the_ridge() -> None:
    assert formula().log_ratio(np.array([[9.0, 0.2, 0.6]]), inputs())[0] == pytest.approx(0.4)


def test_holds_the_ridge_within_what_was_seen() -> None:
    assert formula().log_ratio(np.array([[0.0, 1.0, 50.0]]), inputs())[0] == pytest.approx(1.0)
    assert formula().log_ratio(np.array([[0.0, -1.0, -50.0]]), inputs())[0] == pytest.approx(-1.0)


def test_believes_the_models_as_far_as_they_are_trusted() -> None:
    assert formula(trust=0.25).log_ratio(np.array([[0.0, 0.5, 0.5]]), inputs())[0] == pytest.approx(0.1 + 0.25 * 0.4)


def test_widens_where_a_report_is_due() -> None:
    due = inputs()
    due[0, ECHO] = 1.0
    assert formula(echo_weight=0.3).echo(due)[0] == pytest.approx(0.3)


@pytest.mark.parametrize(("value", "factor"), [(0.0, 1.0), (2.0, 1.0), (4.0, 2.0), (100.0, LARGEST_WIDENING)])
def test_widens_where_inputs_are_new(value: float, factor: float) -> None:
    made = formula().log_ratio(np.array([[0.0, 0.0, 0.0]]), inputs(value))[0]
    assert np.exp(made) == pytest.approx(factor)


def test_nothing_a_model_was_trained_on_is_new_to_it() -> None:
    seen = np.random.default_rng(3).standard_normal((300, len(NAMES))).astype(np.float32)
    known = training_inputs(seen)
    assert known.novelty(seen).max() == pytest.approx(1.0)
    assert known.novelty(seen * 10).max() > 5


def test_a_constant_input_makes_nothing_infinite() -> None:
    known = training_inputs(inputs(1.0))
    assert known.novelty(inputs(1.0))[0] <= 1
    assert np.isfinite(known.novelty(inputs(2.0)))[0]
