"""Sequences of moves: the same alone and in a whole history, and the moves that they say."""

import numpy as np
import pytest

from features import WARM_UP, WINDOW, Moves, features_and_level, latest
from features.sequence import NAMES, SESSIONS, model_inputs, sequences, width
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate


@pytest.fixture(scope="module")
def bars(sessions: Sessions) -> Bars:
    return simulate("TEST", sessions.between(FIRST, np.datetime64("2019-12-31")))


@pytest.mark.parametrize("length", [WINDOW, 400])
def test_of_the_last_bars_alone_are_those_of_a_whole_history(bars: Bars, length: int) -> None:
    _, level = features_and_level(bars, 5)
    whole = sequences(Moves(bars), level)
    _, last = latest([bars], 5)

    np.testing.assert_array_equal(sequences(Moves(bars[-length:]), last)[-1], whole[-1])


def test_of_a_truncated_history_are_the_same(bars: Bars) -> None:
    whole, part = (sequences(Moves(one), features_and_level(one, 1)[1]) for one in (bars, bars[:-40]))
    np.testing.assert_array_equal(part, whole[:-40])


def test_are_complete_from_the_first_row_that_is_learnt_from(bars: Bars) -> None:
    found = sequences(Moves(bars), features_and_level(bars, 1)[1])
    assert found.dtype == np.float32
    assert np.isfinite(found[WARM_UP:]).all()
    assert np.isnan(found[SESSIONS - 1]).any()


def test_end_with_the_last_return_in_units_of_the_level(bars: Bars) -> None:
    _, level = features_and_level(bars, 1)
    found = sequences(Moves(bars), level)[-1].reshape(SESSIONS, len(NAMES))
    returns = bars.close[1:] / bars.close[:-1] - 1
    np.testing.assert_allclose(found[:, 0], np.clip(returns[-SESSIONS:] / level[-1], -5, 5), rtol=1e-5)


def test_a_model_takes_its_inputs_and_as_many_sessions_as_it_reads(bars: Bars) -> None:
    inputs, level = features_and_level(bars, 1)
    sequence = sequences(Moves(bars), level)
    found = model_inputs(inputs, sequence, 2)
    assert found.shape[1] == width(inputs.shape[1], 2) == inputs.shape[1] + 2 * len(NAMES)
    np.testing.assert_array_equal(found[:, -2 * len(NAMES) :], sequence[:, -2 * len(NAMES) :])
    assert model_inputs(inputs, sequence, 0) is inputs
