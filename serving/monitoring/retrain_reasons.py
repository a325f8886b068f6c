"""Whether a model should be trained again, and why."""

from datetime import datetime
from math import comb

import numpy as np

from features import WARM_UP, WINDOW, features
from forecasting.card import ModelCard
from forecasting.distribution import INTERVAL_LEVEL
from market.bars import Bars
from serving.contract.performance import Accuracy

# Sessions after which a model has missed enough to be trained again: a month. A quarter without a refit is long even
# when there are no new bars, because then something else is wrong.
NEW_SESSIONS, OLD_DAYS = 21, 92
# Sessions whose inputs and intervals are looked at.
LOOKED_AT = 60
# More strange rows than this among them are no coincidence: in training there was none.
STRANGE_ROWS = 3
# Two-sided: how rarely a right interval looks wrong.
SIGNIFICANCE = 0.01


def reasons(card: ModelCard, bars: Bars, accuracy: Accuracy | None, now: datetime) -> list[str]:
    """Return the reasons to train the model of `card` again; empty when there are none.

    Args:
        bars: the newest of its ticker.
        accuracy: how its last served predictions turned out, if any did.
    """
    if bars.simulated != card.simulated:
        kinds = {True: "simulated", False: "real"}
        return [f"it was trained on {kinds[card.simulated]} prices, but these are {kinds[bars.simulated]}"]
    found = [_new_bars(card, bars), _age(card, now), _drift(card, bars), _coverage(card, accuracy)]
    return [reason for reason in found if reason]


def outside_band(inside: int, count: int, horizon: int) -> bool:
    """Tell whether `inside` of `count` intervals is too few or too many for intervals of INTERVAL_LEVEL.

    Outcomes over h sessions overlap, so that only each h-th counts as one of its own.
    """
    trials = max(count // horizon, 1)
    hits = round(inside / count * trials)
    chances = [
        comb(trials, hit) * INTERVAL_LEVEL**hit * (1 - INTERVAL_LEVEL) ** (trials - hit) for hit in range(trials + 1)
    ]
    return min(sum(chances[: hits + 1]), sum(chances[hits:])) < SIGNIFICANCE / 2


def _new_bars(card: ModelCard, bars: Bars) -> str:
    new = int(np.sum(bars.session > np.datetime64(card.trained_to))) - card.horizon
    return f"{new} new sessions since its last one" if new > NEW_SESSIONS else ""


def _age(card: ModelCard, now: datetime) -> str:
    days = (now - card.trained_at).days
    return f"trained {days} days ago" if days > OLD_DAYS else ""


def _drift(card: ModelCard, bars: Bars) -> str:
    recent = bars[-(WINDOW + LOOKED_AT) :]
    rows = min(LOOKED_AT, len(recent) - WARM_UP)
    if rows < 1:
        return ""
    strange = int(np.sum(card.formula.training_inputs.novelty(features(recent, card.horizon, rows)) > 1))
    return f"inputs of {strange} of the last {rows} sessions lie beyond its training" if strange > STRANGE_ROWS else ""


def _coverage(card: ModelCard, accuracy: Accuracy | None) -> str:
    if accuracy is None or accuracy.count < LOOKED_AT:
        return ""
    inside = round(accuracy.coverage * accuracy.count)
    if not outside_band(inside, accuracy.count, card.horizon):
        return ""
    return f"{accuracy.coverage:.0%} of its last {accuracy.count} intervals held, not {INTERVAL_LEVEL:.0%}"
