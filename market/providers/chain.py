"""The providers in their order: the first that answers wins, the reasons of the others are kept."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from market.errors import KeptForQuotes, MarketError, NoPrices, Paused, UnknownTicker
from market.providers.local_faults import LocalFaults
from market.providers.provider import LimitedProvider, Provider
from market.providers.quotas.quota import Usage

Prices = TypeVar("Prices")

log = structlog.get_logger(__name__)


class Chain:
    """Asks one provider after the other."""

    def __init__(self, providers: Sequence[LimitedProvider]) -> None:
        self._faults = LocalFaults()
        self._limited = {limited.provider.name: limited for limited in providers}

    def named(self, source: str) -> LimitedProvider | None:
        """The provider of this name, if it is configured."""
        return self._limited.get(source)

    def is_local(self, source: str) -> bool:
        """Whether `source` is a configured provider that is asked every few seconds."""
        limited = self.named(source)
        return limited is not None and limited.provider.is_local

    @property
    def providers(self) -> list[Provider]:
        """All, in the configured order."""
        return [limited.provider for limited in self._limited.values()]

    @property
    def asks_the_network(self) -> bool:
        """Whether any provider is not local."""
        return not all(provider.is_local for provider in self.providers)

    async def first(
        self,
        ticker: str,
        what: str,
        providers: Sequence[Provider],
        ask: Callable[[Provider], Awaitable[Prices]],
        *,
        kept_requests: int = 0,
    ) -> Prices:
        """The answer of the first of `providers` that gives one.

        Args:
            what: that is asked for, as errors say it: bars or quote.
            kept_requests: a provider with no more than so many requests left is not asked.

        Raises:
            NoPrices: with every provider's reason.
        """
        reasons, missing = [], {}
        for provider in providers:
            try:
                found = await self._ask(self._limited[provider.name], ticker, what, ask, kept_requests)
            except MarketError as error:
                reasons.append(str(error))
                if provider.is_local and isinstance(error, UnknownTicker):
                    missing[provider.name] = str(error)  # no fault where another provider has it
                elif provider.is_local:
                    self._faults.note(provider.name, ticker, str(error))
                elif not isinstance(error, Paused | KeptForQuotes):
                    log.info("provider.failed", ticker=ticker, what=what, provider=provider.name, reason=str(error))
            else:
                self._faults.forget([provider.name, *missing], ticker)
                return found
        for name, reason in missing.items():
            self._faults.note(name, ticker, reason)
        raise NoPrices(ticker, reasons)

    def local_faults(self) -> list[str]:
        """What is wrong with the files of local providers, as far as they were read: what a person must mend."""
        return self._faults.reasons()

    async def usage(self) -> dict[str, Usage]:
        """Requests of the last 24 hours, of each provider that counts them."""
        return {name: await limited.quota.usage() for name, limited in self._limited.items() if limited.quota}

    async def close(self) -> None:
        """Close the connections and counters of every provider."""
        for limited in self._limited.values():
            await limited.provider.close()
            if limited.quota:
                limited.quota.close()

    @staticmethod
    async def _ask(
        limited: LimitedProvider,
        ticker: str,
        what: str,
        ask: Callable[[Provider], Awaitable[Prices]],
        kept_requests: int,
    ) -> Prices:
        if kept_requests and limited.quota is not None:
            await limited.quota.check_kept(kept_requests)
        with limited.asking(ticker, what):
            return await ask(limited.provider)
