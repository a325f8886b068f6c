"""Bars to numbers: the only place where an indicator is computed, for training and serving alike."""

from features.matrix import (
    ECHO,
    NAMES,
    PRICE_INPUTS,
    VERSION,
    WARM_UP,
    WIDTH_INPUTS,
    features,
    features_and_level,
    latest,
)
from features.moves import Moves
from features.volatility import volatility_level
from features.windows import WINDOW

__all__ = [
    "ECHO",
    "NAMES",
    "PRICE_INPUTS",
    "VERSION",
    "WARM_UP",
    "WIDTH_INPUTS",
    "WINDOW",
    "Moves",
    "features",
    "features_and_level",
    "latest",
    "volatility_level",
]
