"""What the rest of the program sees of streamed prices."""

from collections.abc import Callable
from typing import Protocol

from market.quotes.quote import Quote

OnPrice = Callable[[str], None]


class StreamReport(Protocol):
    """What the process that has the streams tells about them."""

    def owns(self, *, is_owner: bool) -> None:
        """This process has the connections, or has them no more."""

    def received(self, provider: str) -> None:
        """A message that could be read, heartbeats included."""

    def interrupted(self, provider: str) -> None:
        """The stream of a provider has ended, and will be made again."""


class NoReport:
    """Where nobody wants to know."""

    def owns(self, *, is_owner: bool) -> None:
        """Do nothing."""

    def received(self, provider: str) -> None:
        """Do nothing."""

    def interrupted(self, provider: str) -> None:
        """Do nothing."""


class LivePrices(Protocol):
    """The newest streamed price of each ticker, as one process knows it."""

    def latest(self, ticker: str) -> Quote | None:
        """The newest price without a gap before it; None where no stream has one, or none is connected."""

    def on_price(self, tell: OnPrice) -> None:
        """Have `tell` called with a ticker whenever its price changed, at most once a second for each."""

    def report_to(self, report: StreamReport) -> None:
        """Have `report` told from now on, instead of nobody."""

    async def run(self) -> None:
        """Follow the streams, or the process that does, until cancelled."""


class NoStreams:
    """Where none is configured."""

    def latest(self, ticker: str) -> Quote | None:  # noqa: ARG002  # as the protocol has it
        """None."""
        return None

    def on_price(self, tell: OnPrice) -> None:
        """Do nothing: no price comes."""

    def report_to(self, report: StreamReport) -> None:
        """Do nothing: there is nothing to tell."""

    async def run(self) -> None:
        """End at once."""
