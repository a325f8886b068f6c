"""Clients from URLs. What they are used for is tested where it is used, against every way to run Redis."""

import socket
from pathlib import Path
from typing import Any

import pytest

import redis_client
from redis_client import connect, connect_async, trouble
from tests.redis_servers import Deployment, free_port, sentinel

NODES = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
BEHIND = "redis+sentinel://127.0.0.1:1/the-master"


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://localhost",
        "redis://user:p%40ss@host:7000/3?socket_timeout=2",
        "rediss://host?ssl_cert_reqs=none",
        "redis://[::1]:6380",
        "unix:///var/run/redis.sock?db=1",
        NODES,
        "rediss+cluster://:secret@one,two:7000,[::1]:7001",
        BEHIND,
        "rediss+sentinel://user:secret@one,two:26380/the-master/3?ssl_cert_reqs=none",
    ],
)
def test_every_form_makes_both_clients_without_connecting(url: str) -> None:
    redis_client.check(url)
    connect(url, 0.1).close()
    assert connect_async(url, 0.1)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no such scheme"),
        ("nonsense", "no such scheme"),
        ("foo://secret", "no such scheme"),
        ("http://secret", "no such scheme"),
        ("unix+cluster:///secret", "no such scheme"),
        ("redis://secret:port", "a port is no number"),
        ("redis://:sec/ret@host", "a port is no number"),
        ("redis://secret:99999", "a port is no number"),
        ("redis+cluster://one,secret:port", "a port is no number"),
        ("redis+sentinel://one:port/secret", "a port is no number"),
        ("redis://[secret", "cannot be read as a URL"),
        ("redis://host/secret", "its database must be a number"),
        ("redis+cluster://secret/1", "in a cluster 0"),
        ("redis+sentinel://host/secret/first", "its database must be a number"),
        ("redis://host,secret", "a host is missing or one too many"),
        ("redis+cluster://", "a host is missing"),
        ("redis+sentinel:///secret", "a host is missing"),
        ("redis+sentinel://secret", "the name of the master is missing"),
        ("redis://host?secret=1", "an option behind the question mark"),
        ("redis://host?db=secret", "an option behind the question mark"),
    ],
)
def test_what_is_none_is_refused_in_one_line_without_a_part_of_it(url: str, reason: str) -> None:
    for use in (redis_client.check, lambda url: connect(url, 1), lambda url: connect_async(url, 1)):
        with pytest.raises(ValueError, match=reason) as caught:
            use(url)
        assert "REDIS_URL reads redis://host:6379/0" in str(caught.value)
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_options_reach_the_connections() -> None:
    behind: Any = connect_async("rediss+sentinel://user:p%40ss@127.0.0.1,127.0.0.2:26380/mymaster/3", 0.1)
    pool = behind.connection_pool
    assert pool.service_name == "mymaster"
    assert (pool.connection_kwargs["username"], pool.connection_kwargs["password"]) == ("user", "p@ss")
    assert (pool.connection_kwargs["db"], pool.connection_kwargs["socket_timeout"]) == (3, 0.1)
    watching = [one.connection_pool for one in pool.sentinel_manager.sentinels]
    addresses = [(one.connection_kwargs["host"], one.connection_kwargs["port"]) for one in watching]
    assert addresses == [("127.0.0.1", 26379), ("127.0.0.2", 26380)]
    assert watching[0].connection_kwargs["password"] is None
    assert {"SSL" in one.connection_class.__name__ for one in (pool, *watching)} == {True}


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", NODES, BEHIND])
async def test_whoever_is_away_is_told_by_the_errors_that_callers_expect(url: str) -> None:
    one, other = connect(url, 0.1), connect_async(url, 0.1)
    with pytest.raises(trouble()):
        one.get("a")
    with pytest.raises(trouble()):
        await other.mget(["a"])
    one.close()
    await other.aclose()


async def test_a_value_written_by_one_client_is_read_by_the_other(any_redis: Deployment) -> None:
    one, other = connect(any_redis.url, 5), connect_async(any_redis.url, 5)
    names = [f"name {number}" for number in range(50)]
    for name in names:
        one.set(name, name)
    assert await other.mget(names) == [name.encode() for name in names]
    assert await other.delete(*names[:49])
    assert any_redis.keys() == {names[49].encode()}
    one.close()
    await other.aclose()


async def test_a_silent_sentinel_costs_its_time_out_and_the_next_one_is_asked(tmp_path: Path) -> None:
    with sentinel(tmp_path) as deployment, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        dead = f"127.0.0.1:{free_port()},127.0.0.1:{silent.getsockname()[1]}"
        url = deployment.url.replace("@", f"@{dead},")
        one, other = connect(url, 0.2), connect_async(url, 0.2)
        one.set("a", "1")
        assert await other.mget(["a"]) == [b"1"]
        one.close()
        await other.aclose()
