"""How far recent inputs have moved from those that a model was trained on: an explanation, never an alarm."""

import numpy as np

from features import NAMES, WARM_UP, WINDOW, features
from forecasting.card import ModelCard
from market.bars import Bars

# Sessions whose inputs are looked at.
RECENT = 60
# Keeps the share of an empty part above zero.
SMALLEST_SHARE = 0.005
MOST_NAMED = 3


def shifted_inputs(card: ModelCard, bars: Bars) -> dict[str, float]:
    """Population stability index of the inputs that moved most, the largest first; empty for a card without fifths.

    The index is the sum over fifths of the trained distribution of (share - 0.2) * log(share / 0.2). With RECENT
    sessions it is 0.07 on average when nothing moved; above 0.25 counts as a large move.
    """
    recent = bars[-(WINDOW + RECENT) :]
    rows = min(RECENT, len(recent) - WARM_UP)
    fifths = np.array(card.formula.training_inputs.fifths)
    if rows < 1 or not fifths.size:
        return {}
    inputs = features(recent, card.horizon, rows)
    indices = {name: _index(inputs[:, place], fifths[place]) for place, name in enumerate(NAMES)}
    return dict(sorted(indices.items(), key=lambda item: -item[1])[:MOST_NAMED])


def _index(values: np.ndarray, bounds: np.ndarray) -> float:
    parts = np.bincount(np.searchsorted(bounds, values), minlength=bounds.size + 1)
    shares, even = np.maximum(parts / values.size, SMALLEST_SHARE), 1 / (bounds.size + 1)
    return float(np.sum((shares - even) * np.log(shares / even)))
