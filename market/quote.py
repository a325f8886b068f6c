"""The latest price of one ticker."""

import math
from dataclasses import dataclass
from datetime import datetime

from market.bars import SIMULATED
from market.errors import Malformed


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its time.

    Attributes:
        price: as traded, in the quote currency; positive.
        at: when it was the price, with its time zone.
        source: name of the provider it came from.

    Raises:
        Malformed: the price is not a positive number or the time has no zone.
    """

    ticker: str
    price: float
    at: datetime
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.price) and self.price > 0):
            raise Malformed(f"{self.ticker}: {self.source} quotes {self.price}, which is no price")
        if self.at.tzinfo is None:
            raise Malformed(f"{self.ticker}: {self.source} quotes a time without a zone")

    @property
    def simulated(self) -> bool:
        """Whether the price is invented."""
        return self.source == SIMULATED
