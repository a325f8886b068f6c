"""Replicas with homes of their own and one real Redis start and stop the same experiments."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis

from serving.experiments.states import ExperimentStates
from tests.patience import PATIENT
from tests.serving.experiments.conftest import Laboratory, MakeLaboratory

MakeReplica = Callable[..., Laboratory]

CANARY = {"name": "tenth", "challenger": "2", "share": 1.0}


@pytest.fixture
async def replica(laboratory: MakeLaboratory, tmp_path: Path, redis_url: str) -> AsyncIterator[MakeReplica]:
    """Replicas with homes of these names, and with one empty Redis unless another is named."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    async with AsyncExitStack() as stack:

        def make(name: str, url: str = redis_url) -> Laboratory:
            made = laboratory(CANARY, home=tmp_path / name, cache__redis_url=url)
            stack.push_async_callback(made.experiments.replicas.close)
            return made

        yield make


async def test_what_one_stops_all_stop_and_keep(replica: MakeReplica, tmp_path: Path) -> None:
    one, other = replica("one"), replica("other")
    assert one.trial.answered == other.trial.answered, "a ticker has one arm everywhere"
    one.experiments.move(one.trial, "stopped", "its challenger failed")
    await one.experiments.hear_replicas()
    assert other.trial.runs

    await other.experiments.hear_replicas()

    assert other.trial.state == one.trial.state
    assert ExperimentStates(tmp_path / "other").read() == {"tenth": one.trial.state}


async def test_a_replica_with_an_empty_disk_hears_what_was_decided_before_it(replica: MakeReplica) -> None:
    one = replica("one")
    await one.desk.stop("tenth")
    await one.desk.start("tenth")
    await one.experiments.hear_replicas()
    late = replica("late")
    assert late.trial.state.trial == 1

    await late.experiments.hear_replicas()

    assert (late.trial.runs, late.trial.state.trial) == (True, 2)


async def test_a_redis_that_holds_nonsense_is_told_again(replica: MakeReplica, redis_url: str) -> None:
    one, other = replica("one"), replica("other")
    one.experiments.move(one.trial, "stopped", "by hand")
    await one.experiments.hear_replicas()
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("stocks:experiments:*")
        client.set(key, '{"status": "sleeping"}')

    await one.experiments.hear_replicas()
    await other.experiments.hear_replicas()

    assert not other.trial.runs


async def test_without_the_redis_that_is_configured_each_goes_by_its_own(replica: MakeReplica) -> None:
    alone = replica("alone", "redis://127.0.0.1:1")
    alone.experiments.move(alone.trial, "stopped", "by hand")

    await alone.experiments.hear_replicas()

    assert not alone.trial.runs


async def test_running_replicas_hear_of_each_other_by_themselves(replica: MakeReplica) -> None:
    one, other = replica("one"), replica("other")
    heard = asyncio.Event()
    other.experiments.on_change(lambda _ticker, _horizon: heard.set())
    following = [asyncio.create_task(each.experiments.follow()) for each in (one, other)]

    one.experiments.move(one.trial, "stopped", "its challenger failed")
    async with asyncio.timeout(PATIENT):
        await heard.wait()

    assert not other.trial.runs
    for task in following:
        task.cancel()
    assert [type(ended) for ended in await asyncio.gather(*following, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2
