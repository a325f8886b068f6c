"""The providers in their order: the first that answers wins, the reasons of the others are kept."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from market.errors import InvalidBars, NoPrices, Paused, ProviderError
from market.providers import Link, Provider
from market.providers.quota import Usage

Prices = TypeVar("Prices")

log = logging.getLogger(__name__)


class Chain:
    """Asks one provider after the other."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = {link.provider.name: link for link in links}

    def link(self, source: str) -> Link | None:
        """The provider of this name, if it is configured."""
        return self._links.get(source)

    @property
    def providers(self) -> list[Provider]:
        """All, in the configured order."""
        return [link.provider for link in self._links.values()]

    async def first(
        self, ticker: str, what: str, providers: Sequence[Provider], ask: Callable[[Provider], Awaitable[Prices]]
    ) -> Prices:
        """The answer of the first of `providers` that gives one.

        Raises:
            NoPrices: with every provider's reason.
        """
        reasons = []
        for provider in providers:
            guard = self._links[provider.name].guard
            try:
                with guard.asking(ticker, what) if guard else nullcontext():
                    return await ask(provider)
            except (ProviderError, InvalidBars) as error:
                reasons.append(str(error))
                if not isinstance(error, Paused):
                    log.info("%s: no %s from %s: %s", ticker, what, provider.name, error)
        raise NoPrices(ticker, reasons)

    async def usage(self) -> dict[str, Usage]:
        """Requests of the last 24 hours, of each provider that counts them."""
        return {name: await link.quota.usage() for name, link in self._links.items() if link.quota}

    def states(self) -> dict[str, str]:
        """Whether each provider is asked (`closed`) or left alone for a while (`open`)."""
        return {name: link.guard.state for name, link in self._links.items() if link.guard}

    async def close(self) -> None:
        """Let go of every provider's connections."""
        for link in self._links.values():
            await link.provider.close()
            if link.quota:
                link.quota.close()
