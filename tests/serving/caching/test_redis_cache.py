"""With a real Redis server."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis

from configuration import Settings
from redis_client import connect_async
from serving.caching.redis_cache import FAILURES_IN_A_ROW, TIMEOUT, RedisCache, namespace_of


@pytest.fixture
async def shared(redis_url: str) -> AsyncIterator[RedisCache]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    cache = RedisCache(connect_async(redis_url, TIMEOUT), "test")
    yield cache
    await cache.close()


async def written(cache: RedisCache) -> None:
    await asyncio.gather(*cache._writing)  # noqa: SLF001  # writes are not waited for by anybody else


async def test_a_value_is_kept_for_its_time(shared: RedisCache) -> None:
    shared.put("a", b"1", 0.1)
    await written(shared)
    assert await shared.get("a") == b"1"
    await asyncio.sleep(0.12)

    assert await shared.get("a") is None


async def test_names_asked_for_together_are_read_together(shared: RedisCache, redis_url: str) -> None:
    for number in range(100):
        shared.put(str(number), b"%d" % number, 60)
    await written(shared)
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]

        values = await asyncio.gather(*(shared.get(str(number)) for number in range(100)))

        calls = client.info("commandstats")["cmdstat_mget"]["calls"] - before
    assert values == [b"%d" % number for number in range(100)]
    assert calls <= 2


async def test_what_is_dropped_is_gone(shared: RedisCache) -> None:
    shared.put("a", b"1", 60)
    await written(shared)
    await shared.drop(["a", "b"])
    await shared.drop([])

    assert await shared.get("a") is None


async def test_without_redis_there_is_nothing_and_no_error() -> None:
    cache = RedisCache(None, "test")
    cache.put("a", b"1", 60)

    assert not cache.configured
    assert await cache.get("a") is None
    assert not await cache.working()
    await cache.drop(["a"])
    await cache.close()


async def test_a_dead_redis_costs_a_few_tries_and_then_nothing_for_a_while() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    cache = RedisCache(connect_async(f"redis://127.0.0.1:{port}", TIMEOUT), "test")

    for _ in range(FAILURES_IN_A_ROW):
        assert await cache.get("a") is None
    started = time.perf_counter()
    assert [await cache.get("a") for _ in range(1000)] == [None] * 1000
    assert not cache._usable()  # noqa: SLF001
    assert time.perf_counter() - started < 5, "a thousand tries would take as many time-outs"
    await cache.close()


async def test_a_redis_that_never_answers_costs_its_time_out(settings: Settings) -> None:
    """The server accepts and stays silent."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cache = RedisCache(connect_async(f"redis://127.0.0.1:{port}", TIMEOUT), namespace_of(settings))

    assert await cache.get("a") is None
    assert not await cache.working()
    await cache.close()
    await ended.wait()
    server.close()


async def test_it_comes_back_when_redis_does(shared: RedisCache) -> None:
    shared._failures.circuit.pause(60)  # noqa: SLF001
    assert await shared.get("a") is None
    assert await shared.working(), "a look at the health is a new try"
    shared.put("a", b"1", 60)
    await written(shared)

    assert await shared.get("a") == b"1"


def test_another_configuration_of_prices_has_another_namespace(make_settings: Callable[..., Settings]) -> None:
    one, two = make_settings(), make_settings(market__providers=["simulated"])

    assert namespace_of(one) == namespace_of(one)
    assert namespace_of(one) != namespace_of(two)


async def test_two_workers_share_answers_and_forecasts(make_parts: Any, publish: Any, shared: RedisCache) -> None:
    publish("AAPL")
    one, two = make_parts(shared), make_parts(shared)
    for parts in (one, two):
        await parts.champions.look()
    rows = sum(two.calls)
    first = await one.predictor.answer("AAPL", 1)
    await written(shared)

    second = await two.predictor.answer("AAPL", 1)

    assert (first.layer, second.layer) == ("miss", "redis")
    assert first.answer.body == second.answer.body
    assert sum(two.calls) == rows


async def test_an_expired_answer_leaves_its_forecast(make_parts: Any, publish: Any, shared: RedisCache) -> None:
    publish("AAPL")
    one, two = make_parts(shared), make_parts(shared)
    one.market.quote_life = 0.05
    for parts in (one, two):
        await parts.champions.look()
    await one.predictor.answer("AAPL", 1)
    await written(shared)
    await asyncio.sleep(0.1)

    assert (await two.predictor.answer("AAPL", 1)).layer == "prediction"


async def test_an_earlier_answer_in_redis_serves_when_everything_fails(make_parts: Any, shared: RedisCache) -> None:
    one, two = make_parts(shared), make_parts(shared)
    one.market.quote_life = 0.05
    await one.predictor.answer("AAPL", 1)
    await written(shared)
    await asyncio.sleep(0.1)
    two.market.broken = RuntimeError("a bug")

    found = await two.predictor.answer("AAPL", 1)

    assert found.layer == "stale"
    assert found.answer.prediction.data.stale


@pytest.mark.parametrize("value", [b"", b"nonsense", b"123\nnonsense", b"soon\n{}", b"\x80\n\x80"])
async def test_a_value_that_is_none_of_ours_is_a_miss(
    make_parts: Any, shared: RedisCache, redis_url: str, value: bytes
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("test:answer:AAPL:1:baseline", value)

    assert (await make_parts(shared).predictor.answer("AAPL", 1)).layer == "miss"


async def test_a_forecast_that_is_none_is_made_again(
    make_parts: Any, publish: Any, shared: RedisCache, redis_url: str
) -> None:
    publish("AAPL")
    one, two = make_parts(shared), make_parts(shared)
    for parts in (one, two):
        await parts.champions.look()
    await one.computing.compute("AAPL", 1)
    await written(shared)
    with redis.Redis.from_url(redis_url) as client:
        (key,) = client.keys("test:forecast:*")
        client.set(key, b'{"horizon": "never"}')

    assert not (await two.computing.compute("AAPL", 1)).reused


async def test_a_value_of_an_old_model_is_never_read(make_parts: Any, publish: Any, shared: RedisCache) -> None:
    one, two = make_parts(shared), make_parts(shared)
    publish("AAPL", version=1)
    await one.champions.look()
    await one.predictor.answer("AAPL", 1)
    await written(shared)
    publish("AAPL", version=2)
    await two.champions.look()

    found = await two.predictor.answer("AAPL", 1)

    assert found.layer == "miss"
    assert found.answer.prediction.model.version == 2
