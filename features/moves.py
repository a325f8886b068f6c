"""Session-to-session changes, computed once for all indicators that need them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.panel import Panel
from market.bars import Bars, FloatArray

# Stands for the daily volatility of a price that does not move: half a cent on a 50 dollar share.
SMALLEST_VOLATILITY = 1e-4


@dataclass(frozen=True)
class Moves:
    """Series derived from n bars, or from several series of n bars side by side.

    Shapes are those of one series; series that start with the second bar have shape (n - 1,).
    """

    bars: Bars | Panel

    @property
    def count(self) -> int:
        """Number of bars, n."""
        return int(self.bars.close.shape[-1])

    @cached_property
    def returns(self) -> FloatArray:
        """Simple returns from close to close, shape (n - 1,)."""
        return np.asarray(np.diff(self.bars.close) / self.bars.close[..., :-1])

    @cached_property
    def sizes(self) -> FloatArray:
        """Absolute returns, shape (n - 1,)."""
        return np.abs(self.returns)

    @cached_property
    def gap_sizes(self) -> FloatArray:
        """Absolute simple returns from close to next open, shape (n - 1,)."""
        return np.abs(self.bars.open[..., 1:] / self.bars.close[..., :-1] - 1)

    @cached_property
    def garman_klass(self) -> FloatArray:
        """Variance of one session from its open, high, low and close, shape (n,), at least SMALLEST_VOLATILITY squared.

        Source: Garman and Klass, "On the Estimation of Security Price Volatilities from Historical Data", 1980, eq. 20.
        """
        bars = self.bars
        span, body = np.log(bars.high / bars.low), np.log(bars.close / bars.open)
        return np.asarray(np.maximum(0.5 * span**2 - (2 * np.log(2) - 1) * body**2, SMALLEST_VOLATILITY**2))

    @cached_property
    def day_variance(self) -> FloatArray:
        """Variance of one session with the night before it: Garman-Klass plus the squared gap, shape (n - 1,)."""
        return np.asarray(self.garman_klass[..., 1:] + self.gap_sizes**2)

    @cached_property
    def true_range(self) -> FloatArray:
        """Log of the highest over the lowest price since the last close, shape (n - 1,).

        Source: Wilder, "New Concepts in Technical Trading Systems", 1978, in logs.
        """
        bars = self.bars
        before = bars.close[..., :-1]
        return np.asarray(np.log(np.maximum(bars.high[..., 1:], before) / np.minimum(bars.low[..., 1:], before)))

    @cached_property
    def log_volume(self) -> FloatArray:
        """Log of the volume, shape (n,); 0 where nothing was traded."""
        return np.asarray(np.log(np.maximum(self.bars.volume, 1.0)))
