"""The newest price of each ticker from all streams: a newer one takes the place of an older, nothing waits in line."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from market.clock import Clock
from market.quotes.quote import Quote
from market.streams.live_prices import NoReport, OnPrice, StreamReport
from market.streams.price_stream import Tick

SHOWN_EVERY_SECONDS = 1.0
EARLY_SECONDS = 0.5  # by which a price may come sooner after one that came late, or all after it would wait for it


class LatestPrices:
    """Keeps the prices that streams deliver, and shows each ticker's newest one about once a second, no more often.

    A stream that is interrupted has a gap: what it delivered before is shown no longer, until the ticker's next price.

    Args:
        order: names of the streams; of two that have a ticker the first one's price is shown.
        on_price: called with a ticker when another price of it is shown.
        report: told about each stream.
    """

    def __init__(
        self, order: Sequence[str], clock: Clock, on_price: OnPrice, report: StreamReport | None = None
    ) -> None:
        self.report = report or NoReport()
        self._newest: dict[str, dict[str, Quote]] = {name: {} for name in order}
        self._clock = clock
        self._on_price = on_price
        self._last_at: dict[tuple[str, str], datetime] = {}
        self._shown: dict[str, Quote] = {}
        self._due_at: dict[str, float] = {}
        self._waiting: set[str] = set()
        self.dropped = 0
        self.gaps = 0

    @property
    def shown(self) -> Mapping[str, Quote]:
        """By ticker, without those that have a gap."""
        return self._shown

    def take(self, source: str, ticks: Sequence[Tick]) -> None:
        """Keep what is newer than all that `source` said before of the same ticker; drop the rest of its message."""
        self.report.received(source)
        for tick in ticks:
            key = (source, tick.ticker)
            if key in self._last_at and tick.at <= self._last_at[key]:
                self.dropped += 1
                continue
            self._last_at[key] = tick.at
            self._newest[source][tick.ticker] = Quote(
                tick.ticker, tick.price, tick.at, source, fetched_at=self._clock.moment
            )
            self._show(tick.ticker)

    def interrupt(self, source: str) -> None:
        """The stream has ended: show nothing more of it until it delivers again."""
        lost = self._newest[source]
        if not lost:
            return
        self._newest[source] = {}
        self.gaps += 1
        for ticker in lost:
            self._due_at.pop(ticker, None)
            self._show(ticker)

    def sweep(self) -> None:
        """Show what came too soon after the price before it, now that its second is over."""
        for ticker in list(self._waiting):
            self._show(ticker)

    def _show(self, ticker: str) -> None:
        now = self._clock.elapsed()
        due_at = self._due_at.get(ticker, now)
        if now < due_at - EARLY_SECONDS:
            self._waiting.add(ticker)
            return
        self._waiting.discard(ticker)
        newest = next((known[ticker] for known in self._newest.values() if ticker in known), None)
        if newest is None:
            self._shown.pop(ticker, None)
            return
        if self._shown.get(ticker) != newest:
            self._due_at[ticker] = max(due_at, now) + SHOWN_EVERY_SECONDS
            self._shown[ticker] = newest
            self._on_price(ticker)
