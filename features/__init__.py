"""Bars to numbers: the only place where an indicator is computed, for training and serving alike."""

from features.matrix import NAMES, WARM_UP, features
from features.volatility import volatility_level
from features.windows import WINDOW

__all__ = ["NAMES", "WARM_UP", "WINDOW", "features", "volatility_level"]
