"""What can go wrong with prices.

MarketError
  InvalidBars        a series that cannot be right
  NoPrices           no provider and no store has anything for a ticker
  CalendarExhausted  a session beyond the known calendar was asked for
  ProviderError      one provider could not answer for one ticker
    UnknownTicker    it does not know the ticker
    Malformed        it answered something that is not prices
    Unreachable      it did not answer
"""


class MarketError(Exception):
    """Base of every error about prices; the text is one line that says what to do."""


class InvalidBars(MarketError):
    """A bar breaks a rule that every series keeps.

    Attributes:
        index: position of the bar in the series, 0 for the first; None when the series as a whole is wrong.
        reason: what is wrong with it, without the place.
    """

    def __init__(self, ticker: str, reason: str, index: int | None = None) -> None:
        super().__init__(f"{ticker}: {reason}")
        self.ticker, self.reason, self.index = ticker, reason, index


class NoPrices(MarketError):
    """Every provider failed and nothing is stored."""

    def __init__(self, ticker: str, reasons: list[str]) -> None:
        super().__init__(f"{ticker}: no prices from any provider: {'; '.join(reasons) or 'none is configured'}")
        self.ticker, self.reasons = ticker, reasons


class CalendarExhausted(MarketError):
    """The calendar ends before the session asked for; rebuild it."""


class ProviderError(MarketError):
    """One provider could not answer for one ticker; the next one may."""


class UnknownTicker(ProviderError):
    """The provider answers, but has nothing under this name."""


class Malformed(ProviderError):
    """The provider's answer is not prices."""


class Unreachable(ProviderError):
    """The provider did not answer in time."""
