"""Short histories and rare refits, so that tests train real models in little time."""

import numpy as np
import pytest

from market.bars import Bars
from market.providers.simulated import FIRST, simulate
from market.sessions import Sessions
from training.pipeline import Plan, Trained, train

QUICK = Plan(refit_every=120, tested=240, seed=1)


@pytest.fixture(scope="session")
def short_bars(sessions: Sessions) -> Bars:
    """Three and a half years of an invented ticker."""
    return simulate("TEST", sessions.between(FIRST, np.datetime64("2021-06-30")))


@pytest.fixture(scope="session")
def trained(short_bars: Bars) -> Trained:
    """A model of it."""
    return train(short_bars, 1, QUICK)
