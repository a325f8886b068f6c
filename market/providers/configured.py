"""The providers that the configuration names, made from their files."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from configuration import Settings
from market.calendar.sessions import Sessions
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider, Provider
from market.providers.quotas.quota import Counters, LocalCounters, MemoryCounters, Quota

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True)
class Resources:
    """What a provider may be built from."""

    settings: Settings
    sessions: Sessions
    home: Path
    redis: "Redis | None" = None

    def quota(self, name: str, windows: tuple[str, ...]) -> Quota:
        """The quota of provider `name`, counted by all processes together."""
        return Quota(name, windows, self._counters())

    def limited(self, provider: Provider, quota: Quota) -> LimitedProvider:
        """A provider that is asked over the network, with its quota and a circuit breaker."""
        return LimitedProvider(provider, ProviderCircuitBreaker(provider.name), quota)

    def _counters(self) -> list[Counters]:
        here: list[Counters] = [LocalCounters(self.home), MemoryCounters()]
        if self.redis is None:
            return here
        from market.providers.quotas.redis_quota import RedisCounters

        return [RedisCounters(self.redis), *here]


def configured_providers(resources: Resources) -> list[LimitedProvider]:
    """The providers of `market.providers` in their order; those that cannot answer without a key are left out.

    Each is made by `build` in `market/providers/NAME.py`, imported only when its section is configured: what talks
    over the network takes memory and a moment.
    """
    built: list[LimitedProvider | None] = [
        import_module(f"market.providers.{name}").build(resources)
        for name in resources.settings.market.providers
        if _is_configured(resources, name)
    ]
    return [provider for provider in built if provider is not None]


def _is_configured(resources: Resources, name: str) -> bool:
    section = getattr(resources.settings.market, name, None)
    return section is None or section.is_configured
