"""The latest price of one ticker."""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from market.bars import SIMULATED
from market.errors import Malformed


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its time.

    Attributes:
        price: as traded, in the quote currency; positive.
        at: when it was the price, with its time zone.
        source: name of the provider it came from.
        open, high, low: of the session so far, None where the provider says nothing.
        volume: shares of the session so far, over all exchanges; None where unknown.
        fetched_at: when the provider gave it; None until it did.
        expires_at: no answer that holds it may live longer, unless marked stale.
        stale: older than the calendar or its life says it should be.
        held_back: why the price that a provider gave is not this one; None when it is.

    Raises:
        Malformed: the price is not a positive number or the time has no zone.
    """

    ticker: str
    price: float
    at: datetime
    source: str
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None
    fetched_at: datetime | None = None
    expires_at: datetime | None = None
    stale: bool = False
    held_back: str | None = None

    def __post_init__(self) -> None:
        for name in ("price", "open", "high", "low"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise Malformed(f"{self.ticker}: {self.source} quotes {name} {value}, which is no price")
        if self.volume is not None and not (math.isfinite(self.volume) and self.volume >= 0):
            raise Malformed(f"{self.ticker}: {self.source} quotes a volume of {self.volume}")
        if self.at.tzinfo is None:
            raise Malformed(f"{self.ticker}: {self.source} quotes a time without a zone")

    @property
    def simulated(self) -> bool:
        """Whether the price is invented."""
        return self.source == SIMULATED

    def marked(self, *, stale: bool, expires_at: datetime, held_back: str | None = None) -> Self:
        """The same quote with what became of it."""
        return replace(self, stale=stale, expires_at=expires_at, held_back=held_back or self.held_back)
