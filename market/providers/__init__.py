"""Sources of prices, one file each.

A new provider is a file here with a class that keeps `Provider`, its line in `make`, and its settings in
`configuration/settings.py` and `configuration.yaml`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from configuration import Market as MarketSettings
from market.calendar.sessions import Sessions
from market.providers.circuit_breaker import CircuitBreaker
from market.providers.files import Files
from market.providers.quota import Buckets, LocalBuckets, Quota
from market.providers.simulated import Simulated
from market.quotes.quote import Quote
from market.series import Series

if TYPE_CHECKING:
    from redis import Redis


class Provider(Protocol):
    """Asks one source. Every call may raise a `ProviderError` or `InvalidBars`, and nothing else."""

    @property
    def name(self) -> str:
        """As in the configuration, and in `source` of what it returns."""

    @property
    def local(self) -> bool:
        """Whether asking is so cheap that it is asked anew every few seconds instead of once a day."""

    @property
    def whole(self) -> bool:
        """Whether it gives whole histories of real bars; one that does not is asked for bars after those that do."""

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        """Bars from `since` on, or all; it may return more than was asked for."""

    async def quote(self, ticker: str) -> Quote:
        """The latest price."""

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Link:
    """A provider with what limits it; neither for a local one."""

    provider: Provider
    guard: CircuitBreaker | None = None
    quota: Quota | None = None


# A provider from its quota.
Build = Callable[[Quota], Provider]


def make(settings: MarketSettings, sessions: Sessions, home: Path, redis: "Redis | None" = None) -> list[Link]:
    """The configured providers in their order; those that cannot answer without a key are left out."""
    links: dict[str, Link] = {"simulated": Link(Simulated(sessions))}
    if settings.files.directory is not None:
        links["files"] = Link(Files(settings.files.directory, sessions))
    if remote := _remote(settings, sessions, home):
        places = _places(home, redis)
        for name, (windows, build) in remote.items():
            quota = Quota(name, windows, places)
            links[name] = Link(build(quota), CircuitBreaker(name), quota)
    return [links[name] for name in settings.providers if name in links]


def _remote(settings: MarketSettings, sessions: Sessions, home: Path) -> dict[str, tuple[tuple[str, ...], Build]]:
    """Windows of the quota and how to make each provider that is asked over the network and can answer."""
    found: dict[str, tuple[tuple[str, ...], Build]] = {}
    timeout = settings.timeout
    if (alpha := settings.alpha_vantage).api_key:
        from market.providers.alpha_vantage import AlphaVantage

        found["alpha_vantage"] = alpha.quota, lambda quota: AlphaVantage(alpha, quota, sessions, timeout)
    if (tiingo := settings.tiingo).api_key:
        from market.providers.tiingo import Tiingo

        found["tiingo"] = tiingo.quota, lambda quota: Tiingo(tiingo, quota, timeout)
    if (yahoo := settings.yahoo).enabled:
        from market.providers.yahoo import Yahoo

        if Yahoo.installed():
            found["yahoo"] = (
                yahoo.quota,
                lambda quota: Yahoo(yahoo.base_url, quota, sessions, timeout=timeout, home=home),
            )
    return found


def _places(home: Path, redis: "Redis | None") -> list[Buckets]:
    if redis is None:
        return [LocalBuckets(home)]
    from market.providers.redis_quota import RedisBuckets

    return [RedisBuckets(redis), LocalBuckets(home)]
