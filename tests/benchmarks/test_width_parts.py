"""Inputs of the whole market are those of the same session, and of nothing later."""

import numpy as np
import pytest

from benchmarks.width_parts import MARKET, with_market
from features import NAMES, WIDTH_INPUTS
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from training.learning.dataset import Dataset, make_dataset


@pytest.fixture(scope="module")
def pool(sessions: Sessions) -> list[Dataset]:
    whole = sessions.between(FIRST, np.datetime64("2019-06-30"))
    return [make_dataset(simulate(ticker, whole[first:]), 1) for ticker, first in (("OLD", 0), ("YOUNG", 100))]


def test_are_the_mean_of_the_tickers_that_have_the_session(pool: list[Dataset]) -> None:
    old, young = with_market(pool)
    column = NAMES.index(MARKET[0])
    first = len(WIDTH_INPUTS)
    both = (pool[0].inputs[100:, column].astype(float) + pool[1].inputs[:, column]) / 2
    np.testing.assert_allclose(young[:, first], both, rtol=1e-5)
    np.testing.assert_allclose(old[100:, first], both, rtol=1e-5)
    np.testing.assert_array_equal(old[:100, first], pool[0].inputs[:100, column])


def test_stand_beside_what_they_are_less_the_tickers_own(pool: list[Dataset]) -> None:
    count = len(MARKET) + 1
    for data, found in zip(pool, with_market(pool), strict=True):
        market, rest = np.split(found[:, len(WIDTH_INPUTS) :], [count], axis=1)
        own = data.inputs[:, [NAMES.index(name) for name in MARKET]]
        np.testing.assert_allclose(rest[:, :-1], market[:, :-1] - own, atol=1e-5)
