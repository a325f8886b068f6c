"""What can go wrong with prices.

MarketError
  InvalidBars        a series that cannot be right
  InvalidFile        a file that cannot be read as what it should hold
  NoPrices           no provider and no store has anything for a ticker
  CalendarExhausted  a session beyond the known calendar was asked for
  ProviderError      one provider could not answer for one ticker
    UnknownTicker    it does not know the ticker
    NoData           it knows the ticker, but has not what was asked for
    PremiumOnly      the key does not pay for what was asked for
    BadKey           it does not accept the key
    TooFast          too many requests at this moment; in a few seconds it answers again
    QuotaSpent       no more requests before a known time
    Malformed        it answered something that is not prices
    Broken           asking it failed in a way that no code foresaw
    KeptForQuotes    its last requests are kept for quotes
    HeldBack         it quoted a price that is too old or too far off to be shown
    Unreachable      it did not answer
    ConnectionLimit  it has given out all connections that the key may have
    Paused           it failed before and is not asked again yet
"""

from datetime import datetime

NO_PROVIDER = "none of `market.providers` can answer here: give a key, switch one on, or add `files` or `simulated`"


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


class InvalidFile(MarketError):
    """A file does not hold what it should; the text names file, line and remedy."""


class NoPrices(MarketError):
    """Every provider failed and nothing is stored."""

    def __init__(self, ticker: str, reasons: list[str]) -> None:
        told = "; ".join(reason.removeprefix(f"{ticker}: ") for reason in reasons)
        super().__init__(f"{ticker}: no prices from any provider: {told or NO_PROVIDER}")
        self.ticker, self.reasons = ticker, reasons


class NothingThen(MarketError):
    """No bar is known up to a day of the past."""


class CalendarExhausted(MarketError):
    """The calendar ends before the session asked for; rebuild it."""


class ProviderError(MarketError):
    """One provider could not answer for one ticker; the next one may."""


class UnknownTicker(ProviderError):
    """The provider answers, but has nothing under this name."""


class NoData(ProviderError):
    """The provider knows the ticker, but has not what was asked for."""


class PremiumOnly(ProviderError):
    """The key does not pay for this; asking again never helps."""


class BadKey(ProviderError):
    """The provider does not accept the key."""


class TooFast(ProviderError):
    """Too many requests at this moment; the provider answers again in a few seconds."""


class QuotaSpent(ProviderError):
    """The provider refuses until `resets_at`; asking again before then only wastes the next window."""

    def __init__(self, message: str, resets_at: datetime) -> None:
        super().__init__(f"{message}; it answers again from {resets_at:%Y-%m-%d %H:%M:%S} UTC")
        self.resets_at = resets_at


class KeptForQuotes(ProviderError):
    """The provider would answer, but the requests that are left of its quota are kept for quotes."""


class Malformed(ProviderError):
    """The provider's answer is not prices."""


class Broken(ProviderError):
    """Asking the provider failed in a way that is not known; the log says of what type and where."""


class HeldBack(ProviderError):
    """A quote that must not be shown before another provider says the same."""

    MARK = "held back:"


class Unreachable(ProviderError):
    """The provider did not answer in time."""


class ConnectionLimit(ProviderError):
    """The provider gives this key no further connection."""


class Paused(ProviderError):
    """The provider, or its answer for this ticker, failed a short while ago; it is not asked again yet."""
