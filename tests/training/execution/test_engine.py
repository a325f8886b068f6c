"""The same numbers on this machine and on a Dask cluster."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from market.bars import Bars
from tests.redis_servers import free_port
from tests.training.execution.clusters import Process, dask_cluster
from tests.training.recipes_of_tests import quick
from training.execution.engine import Engine, NoScheduler
from training.learning.pipeline import Trained, attempt
from training.learning.training_config import TrainingConfig

CONFIG = quick(refit_every=200, tested=200)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[Process]]]:
    """A scheduler and two workers, each a process on loopback."""
    with dask_cluster(tmp_path) as found:
        yield found


def numbers(trained: Trained | str) -> tuple[float, ...]:
    assert isinstance(trained, Trained)
    return (*trained.calibration.quantiles, *trained.evaluation.lower, trained.calibration.shrinkage)


def test_results_come_in_the_order_of_the_calls() -> None:
    assert list(Engine(processes=2).map(pow, [(2, power) for power in range(10)])) == [2**power for power in range(10)]


@pytest.mark.slow
@pytest.mark.fault
def test_a_cluster_computes_the_same_and_outlives_a_worker(
    short_bars: Bars, cluster: tuple[str, list[Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.execution.engine.AHEAD", 3)
    monkeypatch.setattr("training.execution.engine.AHEAD_EACH", 1)
    address, workers = cluster
    calls = [(short_bars[: len(short_bars) - cut], horizon, CONFIG) for cut in range(2) for horizon in (1, 5)]
    local = [numbers(attempt(*call)) for call in calls]
    remote: list[tuple[float, ...]] = []
    handed_out = Counter[str]()

    def handed() -> Iterator[tuple[Bars, int, TrainingConfig]]:
        for call in calls:
            handed_out["calls"] += 1
            yield call

    for done in Engine(scheduler=address).map(attempt, handed()):
        assert handed_out["calls"] <= len(remote) + 3
        remote.append(numbers(done))
        if len(remote) == 1:
            workers[0].kill()
    assert remote == local


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.execution.engine.CONNECT_TIMEOUT", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(NoScheduler, match=f"--scheduler {address}: no Dask scheduler answers there"):
        list(Engine(scheduler=address).map(pow, [(2, 3)]))
