"""How served forecasts fit their outcomes: how many missed, and where in its distribution each outcome fell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.betting import DECIDED, evidence
from forecasting.distribution import INTERVAL_LEVEL
from market.bars import FloatArray
from serving.monitoring.track_record.served_predictions import Noted

MISS = 1 - INTERVAL_LEVEL
DECILES: FloatArray = np.arange(1, 10) / 10
TAIL = MISS / 2
# Variance of a probability that is spread evenly between 0 and 1.
EVEN = 1 / 12

Outcome = tuple[Noted, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """How the predictions of the models that serve now fit, over sessions that no report reached.

    Attributes:
        sessions: whose outcome is known.
        missed: share of outcomes outside their interval; right is 0.1.
        evidence: the most that there ever was that this share is not right; DECIDED or more settles it.
        bias: mean probability below the outcome less one half; above 0 when outcomes lie above their medians.
        dispersion: variance of that probability over an even one; above 1 when forecasts are too narrow.
    """

    horizon: int
    sessions: int
    missed: float
    evidence: float
    bias: float | None = None
    dispersion: float | None = None

    @property
    def drifts(self) -> bool:
        """Whether the intervals are known to be wrong."""
        return self.evidence >= DECIDED

    @property
    def told(self) -> str:
        """In one sentence."""
        if not self.drifts:
            return f"{self.missed:.0%} of {self.sessions} ordinary sessions missed their interval, {MISS:.0%} should"
        too = "narrow" if self.missed > MISS else "wide"
        return f"intervals are too {too}: {self.missed:.0%} of {self.sessions} sessions missed theirs, not {MISS:.0%}"


def fit(outcomes: Iterable[Outcome], horizon: int) -> Fit | None:
    """The fit of predictions of one ticker at one horizon; None without any outcome."""
    told = [*outcomes]
    found = pooled_fit(told, horizon)
    places = probabilities(told)
    if found is None or not places.size:
        return found
    dispersion = float(np.var(places) / EVEN) if places.size > 1 else None
    return replace(found, bias=float(places.mean() - 0.5), dispersion=dispersion)


def pooled_fit(outcomes: Iterable[Outcome], horizon: int) -> Fit | None:
    """The misses of several tickers together; those of one session count as their share, for tickers move together."""
    by_session: dict[str, list[bool]] = {}
    for noted, actual in outcomes:
        by_session.setdefault(noted.made_on, []).append(not noted.lower <= actual <= noted.upper)
    if not by_session:
        return None
    shares = np.array([float(np.mean(by_session[session])) for session in sorted(by_session)])
    return Fit(
        horizon=horizon,
        sessions=shares.size,
        missed=float(shares.mean()),
        evidence=float(evidence(shares, MISS, 0.0, 1.0, horizon).max()),
    )


def probabilities(outcomes: Sequence[Outcome]) -> FloatArray:
    """The probability below each outcome by its own forecast, of those whose distribution was written down.

    Source: Gneiting, Balabdaoui and Raftery, "Probabilistic forecasts, calibration and sharpness", 2007, section 3.1.
    """
    levels = np.concatenate(([TAIL], DECILES, [1 - TAIL]))
    return np.array(
        [
            np.interp(actual, [noted.lower, *noted.deciles, noted.upper], levels, left=TAIL / 2, right=1 - TAIL / 2)
            for noted, actual in outcomes
            if noted.deciles
        ]
    )
