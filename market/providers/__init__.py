"""Sources of prices, one file each.

A new provider is a file here with a class that keeps `Provider`, its line in `make`, its name in `configuration.py`.
"""

from typing import Protocol

from configuration import Market as MarketSettings
from market.bars import Bars
from market.providers.files import Files
from market.providers.simulated import Simulated
from market.quote import Quote
from market.sessions import Sessions


class Provider(Protocol):
    """Asks one source. Every call may raise a `ProviderError` or `InvalidBars`, and nothing else."""

    @property
    def name(self) -> str:
        """As in the configuration, and in `source` of what it returns."""

    @property
    def local(self) -> bool:
        """Whether asking is so cheap that its bars are read anew each time instead of living a day in the store."""

    async def bars(self, ticker: str) -> Bars:
        """The whole known history, complete sessions only."""

    async def quote(self, ticker: str) -> Quote:
        """The latest price."""

    async def close(self) -> None:
        """Let go of connections."""


def make(settings: MarketSettings, sessions: Sessions) -> list[Provider]:
    """The configured providers in their order; those that cannot answer without a key are left out."""
    available: dict[str, Provider] = {"simulated": Simulated(sessions)}
    if settings.files.directory is not None:
        available["files"] = Files(settings.files.directory, sessions)
    return [available[name] for name in settings.providers if name in available]
