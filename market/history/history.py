"""Bars with what is known about them."""

from dataclasses import dataclass
from datetime import datetime

from market.bars import Bars
from market.history.quality import Finding


@dataclass(frozen=True, slots=True)
class History:
    """Bars with what is known about them.

    Attributes:
        bars: split-adjusted to the share as it trades now, complete sessions only.
        fetched_at: when the provider gave them, UTC.
        stale: whether a session is missing that should have been published.
        factor: price as traded in the newest bar's session for each unit of its adjusted close; 1.0 unless a split
            has taken effect since.
        findings: what is unusual about them.
        is_preliminary: whether the last bar was fetched before its provider corrects it; it is not trained on.
    """

    bars: Bars
    fetched_at: datetime
    stale: bool
    factor: float = 1.0
    findings: tuple[Finding, ...] = ()
    is_preliminary: bool = False

    @property
    def final_bars(self) -> Bars:
        """The bars that no provider corrects any more."""
        return self.bars[:-1] if self.is_preliminary and len(self.bars) > 1 else self.bars
