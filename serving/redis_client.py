"""Connections to Redis from one URL, whichever way it is run.

`redis://`, `rediss://` and `unix://` as redis-py has them; `redis+cluster://host:port` for a cluster;
`redis+sentinel://[user:password@]host:port[,host:port...]/name-of-the-master[/database]` behind Sentinel.
"""

from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

CLUSTER, SENTINEL = "redis+cluster://", "redis+sentinel://"
SENTINEL_PORT = 26379
CONNECTIONS = 32


class AsyncRedis(Protocol):
    """What is used of the clients."""

    async def ping(self) -> Any:
        """Whether it is there."""

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        """Values of `keys`."""

    def pipeline(self, transaction: bool) -> Any:  # noqa: FBT001  # as the clients have it
        """Several commands in one go."""

    async def delete(self, *names: str) -> Any:
        """Forget `names`."""

    async def aclose(self) -> None:
        """Let go of the connections."""


class _Cluster(RedisCluster):
    """A cluster whose keys may live on several nodes."""

    async def mget(self, keys: Any, *args: Any) -> Any:
        """Values of `keys`, not all of one moment."""
        return await self.mget_nonatomic(keys, *args)


def connect(url: str, timeout: float) -> AsyncRedis:
    """A client that gives up after `timeout` seconds and does not try again by itself.

    Raises:
        ValueError: the URL is none of these.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_connections": CONNECTIONS,
        "retry": Retry(NoBackoff(), 0),
    }
    client: Any
    if url.startswith(CLUSTER):
        client = _Cluster.from_url("redis://" + url.removeprefix(CLUSTER), **options)
    elif url.startswith(SENTINEL):
        client = _behind_sentinel(url, options)
    else:
        client = Redis.from_url(url, **options)
    return client  # type: ignore[no-any-return]


def _behind_sentinel(url: str, options: dict[str, Any]) -> Any:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    master, _, database = parts.path.strip("/").partition("/")
    if not hosts or not master:
        raise ValueError("a Sentinel URL reads redis+sentinel://host:26379,host:26379/name-of-the-master")
    addresses = [host.partition(":") for host in hosts.split(",")]
    known = [(host, int(port or SENTINEL_PORT)) for host, _, port in addresses]
    sentinel_options = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
    sentinel: Any = Sentinel
    return sentinel(known, sentinel_kwargs=sentinel_options).master_for(
        master, username=unquote(user) or None, password=unquote(password) or None, db=int(database or 0), **options
    )
