"""Several series side by side, so that their latest inputs cost little more than those of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.bars import Bars, FloatArray, SessionArray


@dataclass(frozen=True, slots=True)
class Panel:
    """The columns of s series of n bars each, every one of shape (s, n)."""

    session: SessionArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @classmethod
    def of(cls, series: Sequence[Bars]) -> "Panel":
        """Series of one length, in their order; at least one."""
        return cls(
            session=np.stack([bars.session for bars in series]),
            open=np.stack([bars.open for bars in series]),
            high=np.stack([bars.high for bars in series]),
            low=np.stack([bars.low for bars in series]),
            close=np.stack([bars.close for bars in series]),
            volume=np.stack([bars.volume for bars in series]),
        )
