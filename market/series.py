"""Bars as a provider gave them, with the events that explain their jumps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from market.bars import COLUMNS, Bars, FloatArray
from market.errors import InvalidBars

Events = Mapping[np.datetime64, float]


class Adjustment(StrEnum):
    """What a provider has already done to its prices."""

    TRADED = "traded"
    """Nothing: a 4:1 split looks like -75 %."""
    SPLIT = "split"
    """Prices before a split are divided by its ratio."""
    UNKNOWN = "unknown"
    """Either of the two; the jumps tell."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What one provider knows of one ticker.

    Attributes:
        bars: prices and volumes as delivered, n sessions.
        adjustment: what the provider has done to them.
        splits: new shares for each old one, by the session from which the new price holds (4.0 for a 4:1 split).
        dividends: cash for each share as traded, by the session from which the share trades without it.
        adj_close: shape (n,), the close adjusted for splits and dividends; None when the provider gives none.

    Raises:
        InvalidBars: a split or an adjusted close is not positive.
    """

    bars: Bars
    adjustment: Adjustment
    splits: Events = field(default_factory=dict)
    dividends: Events = field(default_factory=dict)
    adj_close: FloatArray | None = None

    def __post_init__(self) -> None:
        for session, ratio in self.splits.items():
            if not (np.isfinite(ratio) and ratio > 0):
                raise InvalidBars(self.bars.ticker, f"{session}: a split of {ratio} is impossible")
        if self.adj_close is not None:
            self._check_adj_close(self.adj_close)

    def _check_adj_close(self, adj_close: FloatArray) -> None:
        if adj_close.shape != self.bars.close.shape:
            raise InvalidBars(self.bars.ticker, f"{adj_close.size} adjusted closes for {len(self.bars)} bars")
        broken = ~(np.isfinite(adj_close) & (adj_close > 0))
        if broken.any():
            index = int(np.argmax(broken))
            raise InvalidBars(
                self.bars.ticker, f"{self.bars.session[index]}: adj_close is not a positive number", index
            )

    @property
    def ticker(self) -> str:
        """Upper case."""
        return self.bars.ticker

    @property
    def source(self) -> str:
        """Name of the provider."""
        return self.bars.source

    def last(self, count: int) -> "Series":
        """The last `count` sessions, copied, so that nothing holds the others."""
        bars, adj_close = self.bars, self.adj_close
        kept = {name: getattr(bars, name)[-count:].copy() for name in ("session", *COLUMNS)}
        adj_close = None if adj_close is None else adj_close[-count:].copy()
        return Series(Bars(bars.ticker, bars.source, **kept), self.adjustment, self.splits, self.dividends, adj_close)

    def until(self, last: np.datetime64) -> "Series":
        """The same without the bars after session `last`; events stay, they may be announced before they happen.

        Raises:
            InvalidBars: no bar is left.
        """
        count = int(np.searchsorted(self.bars.session, last, side="right"))
        if count == len(self.bars):
            return self
        if count == 0:
            raise InvalidBars(self.ticker, f"there is no complete session up to {last}")
        adj_close = None if self.adj_close is None else self.adj_close[:count]
        return Series(self.bars[:count], self.adjustment, self.splits, self.dividends, adj_close)
