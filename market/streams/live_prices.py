"""What the rest of the program sees of streamed prices."""

from collections.abc import Callable
from typing import Protocol

from market.quotes.quote import Quote

OnPrice = Callable[[str], None]


class LivePrices(Protocol):
    """The newest streamed price of each ticker, as one process knows it."""

    def latest(self, ticker: str) -> Quote | None:
        """The newest price without a gap before it; None where no stream has one, or none is connected."""

    def on_price(self, tell: OnPrice) -> None:
        """Have `tell` called with a ticker whenever its price changed, at most once a second for each."""

    async def run(self) -> None:
        """Follow the streams, or the process that does, until cancelled."""


class NoStreams:
    """Where none is configured."""

    def latest(self, ticker: str) -> Quote | None:  # noqa: ARG002  # as the protocol has it
        """None."""
        return None

    def on_price(self, tell: OnPrice) -> None:
        """Do nothing: no price comes."""

    async def run(self) -> None:
        """End at once."""
