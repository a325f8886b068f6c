"""What tests of every package share."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

# Before anything imports bentoml or prometheus_client: tests never touch the user's own store.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from market.bars import Bars
from market.providers.files import parse_csv
from market.providers.simulated import FIRST, simulate
from market.sessions import Sessions

REAL_BARS = Path(os.environ.get("STOCKS_TEST_BARS") or "/nonexistent")


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    """The calendar of the New York Stock Exchange."""
    return Sessions.open("XNYS", tmp_path_factory.mktemp("calendar"))


@pytest.fixture(scope="session")
def simulated_bars(sessions: Sessions) -> Bars:
    """Six years of an invented ticker."""
    return simulate("TEST", sessions.between(FIRST, np.datetime64("2024-03-08")))


@pytest.fixture(scope="session")
def real_bars() -> dict[str, Bars]:
    """The real daily bars in the directory named by STOCKS_TEST_BARS, by ticker."""
    files = sorted(REAL_BARS.glob("*.csv"))
    if not files:
        pytest.skip("STOCKS_TEST_BARS names no directory of real bars")
    return {path.stem: parse_csv(path.read_bytes(), path.stem, str(path)).bars for path in files}


@pytest.fixture
def now() -> datetime:
    """A Saturday, when no session runs."""
    return datetime(2024, 3, 9, 8, tzinfo=UTC)
