"""Bars with what is known about them."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.history.publication import is_preliminary
from market.history.quality import Finding, inspect
from market.series import Series
from market.splits import split_adjusted


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


def history_of(
    series: Series,
    fetched_at: datetime,
    sessions: Sessions,
    *,
    published: np.datetime64,
    begun: np.datetime64,
    is_corrected: bool,
) -> History:
    """The history that a series of complete sessions makes.

    Args:
        published: the newest session whose bar should be there.
        begun: the newest session that has begun, with whose shares prices are told.
        is_corrected: whether its provider corrects a bar for some hours.
    """
    adjusted = split_adjusted(series, begun)
    last = series.bars.session[-1]
    return History(
        adjusted.bars,
        fetched_at,
        stale=bool(last < published),
        factor=adjusted.factor,
        findings=inspect(series, sessions, published),
        is_preliminary=is_corrected and is_preliminary(last, fetched_at, sessions),
    )
