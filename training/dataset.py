"""What a model learns from: one row per session, in the order of time."""

import hashlib
from dataclasses import dataclass

import numpy as np

from features import WARM_UP, features, volatility_level
from features.matrix import FeatureMatrix
from market.bars import COLUMNS, Bars, FloatArray, SessionArray


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """The sessions of one ticker that have all inputs, n of them, ascending.

    Attributes:
        source: provider of the bars.
        session: shape (n,), made-on sessions.
        close: shape (n,).
        inputs: shape (n, k), float32, without gaps.
        unit: shape (n,), volatility level times the square root of the horizon: one return of usual size.
        actual: shape (n,), simple return over the next `horizon` sessions; NaN for the last `horizon` rows.
        bars_sha256: of the bars they were made from.
    """

    ticker: str
    horizon: int
    source: str
    simulated: bool
    session: SessionArray
    close: FloatArray
    inputs: FeatureMatrix
    unit: FloatArray
    actual: FloatArray
    bars_sha256: str

    def __len__(self) -> int:
        return int(self.session.size)

    @property
    def known(self) -> int:
        """Number of leading rows whose return is known."""
        return max(len(self) - self.horizon, 0)


def make_dataset(bars: Bars, horizon: int) -> Dataset:
    """Inputs and targets of every session of `bars` after the warm-up of the features.

    Args:
        bars: split-adjusted, complete sessions only.
        horizon: sessions ahead.
    """
    kept = slice(WARM_UP, None)
    actual = np.full(len(bars), np.nan)
    actual[:-horizon] = bars.close[horizon:] / bars.close[:-horizon] - 1
    level = volatility_level(bars, len(bars))
    return Dataset(
        ticker=bars.ticker,
        horizon=horizon,
        source=bars.source,
        simulated=bars.simulated,
        session=bars.session[kept],
        close=bars.close[kept],
        inputs=features(bars)[kept],
        unit=level[kept] * np.sqrt(horizon),
        actual=actual[kept],
        bars_sha256=_fingerprint(bars),
    )


def _fingerprint(bars: Bars) -> str:
    digest = hashlib.sha256(bars.session.astype(np.int64).tobytes())
    for name in COLUMNS:
        digest.update(getattr(bars, name).tobytes())
    return digest.hexdigest()
