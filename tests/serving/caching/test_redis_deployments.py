"""The shared cache on every way to run Redis, and through a failover."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from redis_client import connect_async
from redis_client.failures import COOL_DOWN_SECONDS
from serving.caching import redis_cache
from serving.caching.redis_cache import TIMEOUT, RedisCache
from tests.patience import PATIENT
from tests.redis_servers import Deployment, Server, cluster, sentinel

FAILOVER_WITHIN = PATIENT


@pytest.fixture
async def shared(any_redis: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisCache]:
    """It waits for as long as a busy machine takes: what comes too late is a test of its own."""
    monkeypatch.setattr(redis_cache, "TIMEOUT", PATIENT)
    cache = RedisCache(connect_async(any_redis.url, PATIENT), "test")
    await ready(cache)
    yield cache
    await cache.close()


async def ready(cache: RedisCache) -> None:
    """A cluster's client first asks for its nodes, which may come too late on a busy machine."""
    for _ in range(100):
        if await cache.working():
            return
        await asyncio.sleep(0.1)
    pytest.fail("Redis does not answer")


async def kept(cache: RedisCache, name: str, value: bytes) -> bool:
    cache.put(name, value, 60)
    await asyncio.gather(*cache._writing)  # noqa: SLF001  # writes are not waited for by anybody else
    return await cache.get(name) == value


async def test_values_are_kept_read_together_and_dropped(shared: RedisCache) -> None:
    names = [f"name {number}" for number in range(40)]
    for name in names:
        shared.put(name, name.encode(), 60)
    await asyncio.gather(*shared._writing)  # noqa: SLF001  # as above
    assert await asyncio.gather(*map(shared.get, names)) == [name.encode() for name in names]

    await shared.drop(names)

    assert await asyncio.gather(*map(shared.get, names)) == [None] * len(names)


async def test_two_workers_share_answers(make_parts: Any, publish: Any, shared: RedisCache) -> None:
    publish("AAPL")
    one, two = make_parts(shared), make_parts(shared)
    for parts in (one, two):
        await parts.champions.look()
    first = await one.predictor.answer("AAPL", 1)
    await asyncio.gather(*shared._writing)  # noqa: SLF001  # as above

    second = await two.predictor.answer("AAPL", 1)

    assert (first.layer, second.layer) == ("miss", "redis")
    assert first.answer.body == second.answer.body


async def test_a_cluster_that_is_away_costs_a_few_tries_and_no_answer(make_parts: Any) -> None:
    shared = RedisCache(connect_async("redis+cluster://127.0.0.1:1", TIMEOUT), "test")
    for ticker in ("AAPL", "MSFT", "TSLA"):
        assert (await make_parts(shared).predictor.answer(ticker, 1)).layer == "miss"
    assert not shared._usable()  # noqa: SLF001  # left alone
    await shared.close()


@pytest.mark.slow
async def test_a_failover_is_survived_without_a_user_noticing(make_parts: Any, tmp_path: Path) -> None:
    """The master dies; the Sentinel notices after half a second and promotes the replica."""
    with sentinel(tmp_path) as deployment:
        shared = RedisCache(connect_async(deployment.url, TIMEOUT), "test")
        await ready(shared)
        assert await kept(shared, "before", b"1")
        master, replica, watching = deployment.servers

        master.stop()
        left_alone, deadline = False, time.monotonic() + FAILOVER_WITHIN
        while not _promoted(watching, replica):
            assert time.monotonic() < deadline
            for ticker in ("AAPL", "MSFT", "TSLA"):
                assert (await make_parts(shared).predictor.answer(ticker, 1)).layer == "miss"
            left_alone |= not shared._usable()  # noqa: SLF001
        await asyncio.sleep(COOL_DOWN_SECONDS)

        assert await shared.working()
        assert await kept(shared, "after", b"2")
        assert await shared.get("before") == b"1", "the replica had it"
        assert left_alone, "the master's silence was paid for three times, not with every request"
        await shared.close()


@pytest.mark.slow
async def test_a_cluster_that_loses_a_master_and_gets_it_back(make_parts: Any, tmp_path: Path) -> None:
    with cluster(tmp_path) as deployment:
        shared = RedisCache(connect_async(deployment.url, TIMEOUT), "test")
        await ready(shared)
        names = [f"name {number}" for number in range(30)]
        assert all([await kept(shared, name, b"1") for name in names])

        deployment.servers[0].stop()
        for _ in range(10):
            assert (await make_parts(shared).predictor.answer("AAPL", 1)).layer in {"miss", "redis"}
            assert set(await asyncio.gather(*map(shared.get, names))) <= {None, b"1"}
        assert not shared._usable()  # noqa: SLF001  # left alone

        deployment.servers[0].start()
        await asyncio.to_thread(deployment.wait)
        await ready(shared)
        assert all([await kept(shared, name, b"2") for name in names])
        await shared.close()


def _promoted(watching: Server, replica: Server) -> bool:
    found: Any = watching.ask("SENTINEL GET-MASTER-ADDR-BY-NAME", "the-master")
    role: Any = replica.ask("ROLE")
    return bool(found) and int(found[1]) == replica.port and role[0] == b"master"
