"""The clients themselves, and how a URL is read."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from redis_client import AsyncRedis

# Where each client's server is, for the log.
PLACES: WeakKeyDictionary[object, str] = WeakKeyDictionary()

TROUBLE = (RedisError, RedisClusterException, OSError)

FORMS = (
    "REDIS_URL reads redis://host:6379/0, rediss://host:6379/0, unix:///path, redis+cluster://host:6379,host:6379"
    " or redis+sentinel://host:26379,host:26379/name-of-the-master"
)
SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
PORT, SENTINEL_PORT = 6379, 26379
CONNECTIONS = 32  # of one asynchronous client, to each node


def connect(url: str, timeout: float) -> redis.Redis:
    """As `redis_client.connect`."""
    address, options = Address.of(url), _options(timeout, Retry)
    client: Any
    if address.kind == "cluster":
        nodes = [redis.cluster.ClusterNode(*host) for host in address.hosts]
        client = _WhenUsed(lambda: redis.RedisCluster(startup_nodes=nodes, **(options | address.options)))
    elif address.kind == "sentinel":
        sentinel: Any = redis.sentinel.Sentinel(address.hosts, sentinel_kwargs=options | address.encryption)
        client = sentinel.master_for(address.master, _BehindSentinel, **(options | address.options))
    else:
        client = redis.Redis.from_url(url, **options)
    PLACES[client] = _place(url, address)
    return client  # type: ignore[no-any-return]


def connect_async(url: str, timeout: float) -> AsyncRedis:
    """As `redis_client.connect_async`."""
    address, options = Address.of(url), _options(timeout, AsyncRetry)
    pooled = options | {"max_connections": CONNECTIONS}
    client: Any
    if address.kind == "cluster":
        nodes = [redis.asyncio.cluster.ClusterNode(*host) for host in address.hosts]
        client = _AsyncCluster(startup_nodes=nodes, **(pooled | address.options))
    elif address.kind == "sentinel":
        sentinel: Any = redis.asyncio.sentinel.Sentinel(address.hosts, sentinel_kwargs=options | address.encryption)
        client = sentinel.master_for(address.master, _AsyncBehindSentinel, **(pooled | address.options))
    else:
        client = redis.asyncio.Redis.from_url(url, **pooled)
    PLACES[client] = _place(url, address)
    return client  # type: ignore[no-any-return]


def _place(url: str, address: "Address") -> str:
    """Host and port of every server that was named, or the path of the socket; never user nor password."""
    if url.startswith("unix"):
        return urlsplit(url).path
    return ",".join(f"{name or 'localhost'}:{port}" for name, port in address.hosts)


def _options(timeout: float, retry: type[Retry | AsyncRetry]) -> dict[str, Any]:
    return {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry(NoBackoff(), 0)}


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, read.

    Attributes:
        kind: empty for a single server, else `cluster` or `sentinel`.
        hosts: name and port of nodes or Sentinels.
        master: its name, behind Sentinel.
        options: everything else, as redis-py names it.
    """

    kind: str
    hosts: list[tuple[str, int]]
    master: str
    options: dict[str, Any]

    @property
    def encryption(self) -> dict[str, Any]:
        """What Sentinels share with their master; user and password are the master's alone."""
        return {name: value for name, value in self.options.items() if name.startswith("ssl")}

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `url`.

        Raises:
            ValueError: it has no known form; the message holds no part of it, for it may hold a password.
        """
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES:
            raise ValueError(f"no such scheme; {FORMS}")
        base, _, kind = scheme.partition("+")
        try:
            parts = urlsplit(f"{base}://{rest}")
        except ValueError:
            raise ValueError(f"this cannot be read as a URL; {FORMS}") from None
        credentials, at, names = parts.netloc.rpartition("@")
        hosts = [_host(name, SENTINEL_PORT if kind == "sentinel" else PORT) for name in names.split(",")]
        master, _, database = parts.path.strip("/").partition("/") if kind == "sentinel" else ("", "", parts.path)
        if kind == "sentinel" and not master:
            raise ValueError(f"the name of the master is missing; {FORMS}")
        if (kind and not all(name for name, _ in hosts)) or (not kind and len(hosts) > 1):
            raise ValueError(f"a host is missing or one too many; {FORMS}")
        first, query = names.split(",")[0], f"?{parts.query}" if parts.query else ""
        single = f"{base}://{credentials}{at}{first}/{database.lstrip('/')}{query}"
        return cls(kind, hosts, master, _parsed(single, kind))


def _host(text: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        given = parts.port
    except ValueError:
        raise ValueError(f"a port is no number up to 65535; {FORMS}") from None
    return parts.hostname or "", given or port


def _parsed(url: str, kind: str) -> dict[str, Any]:
    """Credentials, database, encryption and whatever stands behind the question mark."""
    database = urlsplit(url).path.strip("/")
    if not url.startswith("unix") and database and (not database.isdecimal() or (kind == "cluster" and int(database))):
        raise ValueError(f"its database must be a number, in a cluster 0; {FORMS}")
    try:
        options: dict[str, Any] = parse_url(url)
        redis.ConnectionPool.from_url(url).make_connection()
    except (ValueError, TypeError):
        raise ValueError(f"an option behind the question mark does not exist or does not fit; {FORMS}") from None
    for name in ("host", "port", "path", "connection_class", *(["db"] if kind == "cluster" else [])):
        options.pop(name, None)
    return options | ({"ssl": True} if url.startswith("rediss") else {})


class _WhenUsed:
    """A client that is made when it is first used: that of a cluster would fail where it is made, with the cluster."""

    def __init__(self, make: Callable[[], redis.RedisCluster]) -> None:
        self._make = make
        self._client: redis.RedisCluster | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
        return getattr(self._client, name)

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self._client is not None:
            self._client.close()


class _BehindSentinel(redis.Redis):
    """Closes its connections to the Sentinels with its own."""

    def close(self) -> None:
        super().close()
        pool: Any = self.connection_pool
        pool.sentinel_manager.close()


class _AsyncBehindSentinel(redis.asyncio.Redis):
    """The same for asyncio."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001  # as it is there
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        await pool.sentinel_manager.aclose()


class _AsyncCluster(redis.asyncio.RedisCluster):
    """A cluster whose keys may live on several nodes."""

    async def mget(self, keys: Any, *args: Any) -> Any:
        """Values of `keys`, not all of one moment."""
        return await self.mget_nonatomic(keys, *args)
