"""What tests of every package share."""

import atexit
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import structlog

# Before anything imports bentoml, which decides once where its stores are: tests never touch the user's own.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="stocks-test-bentoml-")
# A shell that runs the tests in the background has them, and so the processes they start, ignore interruptions.
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(shutil.rmtree, os.environ["BENTOML_HOME"], ignore_errors=True)

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.files import parse_csv
from market.providers.simulated import FIRST, simulate
from tests.redis_servers import DEPLOYMENTS, Deployment

REAL_BARS = Path(os.environ.get("STOCKS_TEST_BARS") or "/nonexistent")
REAL_REPORTS = Path(os.environ.get("STOCKS_TEST_REPORTS") or "/nonexistent")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have the most slow tests, so that no process is left with one of them at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def _logs_as_they_come() -> None:
    """Undo what a command that an earlier test called has configured, for those who look at events."""
    structlog.reset_defaults()


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


@pytest.fixture(scope="module", params=sorted(DEPLOYMENTS))
def deployed_redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with DEPLOYMENTS[request.param](tmp_path_factory.mktemp(request.param)) as deployment:
        yield deployment


@pytest.fixture
def any_redis(deployed_redis: Deployment) -> Deployment:
    """Redis in each of the ways it is run, empty."""
    deployed_redis.flush()
    return deployed_redis
