"""What a source of prices is, and what limits it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.foreseen import foreseen
from market.providers.quotas.quota import Quota
from market.quotes.quote import Quote
from market.series import Series


class Provider(Protocol):
    """Asks one source. Every call may raise a `ProviderError` or `InvalidBars`, and nothing else."""

    @property
    def name(self) -> str:
        """As in the configuration, and in `source` of what it returns."""

    @property
    def is_local(self) -> bool:
        """Whether asking costs so little that it is asked every few seconds instead of once a day."""

    @property
    def full_history(self) -> bool:
        """Whether it gives real bars of many years; one that does not is asked for bars after those that do."""

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        """Bars from `since` on, or all; it may return more than was asked for."""

    async def quote(self, ticker: str) -> Quote:
        """The latest price."""

    async def close(self) -> None:
        """Close the connections."""


@runtime_checkable
class VersionedProvider(Protocol):
    """A local provider that tells cheaply whether something has changed."""

    def version_of(self, series: Series) -> Any:
        """What names the state that a series was read from; null when that is not known any more."""

    def is_version(self, ticker: str, version: Any) -> bool:
        """Whether the ticker's bars are still of that state."""

    def was_version(self, ticker: str, version: Any) -> bool:
        """Whether they were a moment ago, as far as that is known; without input or output."""


@dataclass(frozen=True, slots=True)
class LimitedProvider:
    """A provider with what limits it; a local one has no limits."""

    provider: Provider
    circuit_breaker: ProviderCircuitBreaker | None = None
    quota: Quota | None = None

    @contextmanager
    def asking(self, ticker: str, what: str) -> Iterator[None]:
        """Around one question, such as for the `bars` of a ticker.

        Raises:
            Paused: the provider must not be asked now.
            Broken: in place of an exception that no provider should raise.
        """
        if self.circuit_breaker is None:
            with foreseen(self.provider.name, ticker):
                yield
            return
        with self.circuit_breaker.asking(ticker, what):
            yield
