"""What is known of a ticker's price: its quote, and the bars that a forecast is made from."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from configuration import LONGEST_HORIZON
from features import WINDOW
from forecasting.baseline import LARGEST_SAMPLE
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.market import Market
from market.quotes.provisional_bar import with_provisional
from market.quotes.quote import Quote

# Sessions that any forecast looks back over: those of the baseline at the longest horizon, and one more.
LOOK_BACK = LARGEST_SAMPLE + LONGEST_HORIZON + 2
# Tickers whose prices are held ready.
MOST_KNOWN = 256


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """A quote, and the bars that go with it.

    Attributes:
        complete: all bars, complete sessions only.
        bars: the last of them, and the provisional one of the session that the quote is from.
        recent: the last WINDOW of these, from which a model's inputs are computed.
        made_on: session of the last bar.
    """

    quote: Quote
    complete: Bars
    bars: Bars
    recent: Bars
    provisional: bool
    made_on: date
    _sessions: Sessions
    _targets: dict[int, date] = field(default_factory=dict)

    @classmethod
    def of(cls, quote: Quote, complete: Bars, sessions: Sessions) -> "Prices":
        """Join a quote and bars, and append the provisional bar."""
        bars, provisional = with_provisional(complete[-LOOK_BACK:], quote, sessions)
        return cls(quote, complete, bars, bars[-WINDOW:], provisional, to_date(bars.session[-1]), sessions)

    @property
    def session(self) -> np.datetime64:
        """The session that forecasts are made on."""
        return np.datetime64(self.bars.session[-1], "D")

    def target_on(self, horizon: int) -> date:
        """The session `horizon` after the last bar.

        Raises:
            CalendarExhausted: it lies beyond the calendar's end.
        """
        if horizon not in self._targets:
            self._targets[horizon] = to_date(self._sessions.after(self.bars.session[-1], horizon))
        return self._targets[horizon]


class KnownPrices:
    """Joins quote and bars of each ticker anew when one of them is another."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._known: dict[str, Prices] = {}

    async def at(self, ticker: str) -> tuple[Prices, bool]:
        """The prices of `ticker` now, and whether they are older than they should be.

        Raises:
            MarketError: there are none.
        """
        quote = await self._market.quote(ticker)
        history = await self._market.recent(ticker)
        known = self._known.get(ticker)
        if known is None or known.quote is not quote or known.complete is not history.bars:
            known = self._keep(ticker, Prices.of(quote, history.bars, self._market.sessions))
        return known, history.stale or quote.stale

    def _keep(self, ticker: str, prices: Prices) -> Prices:
        self._known[ticker] = prices
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return prices


def to_date(session: np.datetime64) -> date:
    """The same day as Python has it."""
    return date.fromisoformat(str(session))
