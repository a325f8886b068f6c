"""Hold the features to `ta`, on the very bars a model is about to learn from."""

import numpy as np
import pandas as pd
from ta.momentum import ROCIndicator, RSIIndicator
from ta.trend import SMAIndicator
from ta.volatility import BollingerBands

from features import NAMES, WARM_UP, features
from market.bars import Bars
from training.errors import Deviation

TOLERANCE = 1e-6

# float32 holds a number to half of this; a change near zero is compared against the size of a typical one.
_SMALLEST = {"change_1": 1e-3, "change_5": 1e-3, "volatility_20": 1e-3}


def largest_deviation(bars: Bars) -> float:
    """The largest relative difference between our features and `ta`'s, over all rows after the warm-up."""
    # The inputs that `ta` defines are the same at every horizon.
    ours = features(bars, horizon=1)[WARM_UP:].astype(np.float64)
    differences = [0.0]
    for name, reference in reference_features(bars).items():
        expected = reference.to_numpy()[WARM_UP:]
        scale = np.maximum(np.abs(expected), _SMALLEST.get(name, 0.0))
        # Where nothing was traded for 20 sessions `ta` divides by zero.
        defined = np.isfinite(expected) & (scale > 0)
        found = np.abs(ours[:, NAMES.index(name)] - expected)[defined] / scale[defined]
        differences.append(float(found.max(initial=0.0)))
    return max(differences)


def check_reference(bars: Bars) -> float:
    """The largest deviation from `ta`.

    Raises:
        Deviation: it is above TOLERANCE.
    """
    found = largest_deviation(bars)
    if not found <= TOLERANCE:
        raise Deviation(
            f"{bars.ticker}: features differ from ta's by {found:.2e}, more than {TOLERANCE:.0e}; check the bars"
        )
    return found


def reference_features(bars: Bars) -> dict[str, "pd.Series[float]"]:
    """The features that `ta` defines, by our names, each of shape (n,)."""
    close, volume = pd.Series(bars.close), pd.Series(bars.volume)
    mean_5, mean_20 = (SMAIndicator(close, sessions).sma_indicator() for sessions in (5, 20))
    return {
        "change_1": ROCIndicator(close, 1).roc() / 100,
        "change_5": ROCIndicator(close, 5).roc() / 100,
        "close_to_mean_5": close / mean_5,
        "close_to_mean_20": close / mean_20,
        "mean_5_to_mean_20": mean_5 / mean_20,
        "rsi_14": RSIIndicator(close, 14).rsi(),
        "volume_to_mean_20": volume / SMAIndicator(volume, 20).sma_indicator(),
        "volatility_20": _sample_deviation(close.pct_change(), 20),
    }


def _sample_deviation(values: "pd.Series[float]", sessions: int) -> "pd.Series[float]":
    """`ta` has the population deviation only, as the half-width of Bollinger's bands."""
    bands = BollingerBands(values, sessions, window_dev=1)
    population: pd.Series[float] = bands.bollinger_hband() - bands.bollinger_mavg()
    return population * float(np.sqrt(sessions / (sessions - 1)))
