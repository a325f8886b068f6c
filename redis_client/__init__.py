"""Clients of Redis from one URL: a single server, a cluster or Sentinel. No other module makes a client.

`redis://`, `rediss://` and `unix://` as redis-py has them; `redis+cluster://host:port[,host:port...]` for a cluster;
`redis+sentinel://[user:password@]host:port[,host:port...]/name-of-the-master[/database]` behind Sentinel. With
`rediss+cluster://` and `rediss+sentinel://` every connection is encrypted.

In a cluster the keys of one command may live on several nodes. So callers use only commands of one key, scripts of one
key, and `mget`, `delete` and pipelines without a transaction, which the clients made here split by node.

redis-py is imported when a client is made: it takes a moment and 30 MB, and most run without Redis.
"""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from redis import Redis  # a cluster's client has the same commands

__all__ = ["AsyncRedis", "check", "connect", "connect_async", "place_of", "trouble"]


class AsyncRedis(Protocol):
    """What is used of the asynchronous clients."""

    async def ping(self) -> Any:
        """Check that the server answers."""

    async def mget(self, keys: list[str]) -> list[bytes | None]:
        """Values of `keys`."""

    def pipeline(self, transaction: bool) -> Any:  # noqa: FBT001  # as the clients have it
        """Several commands in one go."""

    async def delete(self, *names: str) -> Any:
        """Forget `names`."""

    async def aclose(self) -> None:
        """Close the connections."""


def check(url: str) -> None:
    """Check that `url` has a known form; it does not connect.

    Raises:
        ValueError: it has not; the message holds no part of the URL, which may hold a password.
    """
    from redis_client.clients import Address

    Address.of(url)


def connect(url: str, timeout: float) -> "Redis":
    """A client that gives up after `timeout` seconds and does not try again by itself; it connects when it is used.

    Raises:
        ValueError: the URL has no known form.
    """
    from redis_client import clients

    return clients.connect(url, timeout)


def connect_async(url: str, timeout: float) -> AsyncRedis:
    """The same for asyncio.

    Raises:
        ValueError: the URL has no known form.
    """
    from redis_client import clients

    return clients.connect_async(url, timeout)


def trouble() -> tuple[type[Exception], ...]:
    """What a call may raise while Redis is away; redis-py's base class does not cover its errors about clusters."""
    from redis_client import clients

    return clients.TROUBLE


def place_of(client: object | None) -> str:
    """Host and port of the server of a client that was made here, without credentials; empty where there is none."""
    if client is None:
        return ""
    from redis_client import clients

    return clients.PLACES.get(client, "")
