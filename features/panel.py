"""Several series side by side, so that their latest inputs cost little more than those of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.bars import COLUMNS, Bars, FloatArray, SessionArray


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
        """Join series.

        Args:
            series: s of them, at least one, each of n bars.

        Raises:
            ValueError: there is none, or they differ in length.
        """
        return cls(**{name: _side_by_side([getattr(bars, name) for bars in series]) for name in ("session", *COLUMNS)})


def _side_by_side(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return columns[0][np.newaxis] if len(columns) == 1 else np.stack(columns)
