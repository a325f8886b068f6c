"""Which arm forecasts better, by pairs: a forecast does not move the price, so each session scores both.

Source: Choe and Ramdas, "Comparing Sequential Forecasters", 2024; the evidence is that of `forecasting.betting`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting.betting import DECIDED, confidence_interval, evidence
from forecasting.interval_score import interval_scores
from market.bars import FloatArray
from serving.monitoring.track_record.served_predictions import Noted

# Of a ticker's difference, in widths of the baseline's interval; fixed before anything was seen, as the evidence needs.
# A miss costs 20 times its size, so the bound leaves room: widths that differ by less than a fifth are never cut.
CLIP = 2.0

Verdict = Literal["undecided", "challenger", "champion"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Forecasts of both arms for one ticker and session, and the return that came."""

    champion: Noted
    challenger: Noted
    actual: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known by now; differences are in widths of the baseline's interval, positive for a better challenger.

    Attributes:
        sessions: that both arms were scored on.
        evidence: that the arms differ; DECIDED or more settles it. After it was settled it stays what it was then.
        difference: mean; 0 before the first session.
        lower, upper: ends of the 95 % confidence interval, which holds at every look.
        detectable: smallest difference that could be seen by now.
        decided_on: session on whose forecasts it was settled; null before.
    """

    horizon: int
    sessions: int
    evidence: float
    verdict: Verdict
    difference: float
    lower: float
    upper: float
    detectable: float
    decided_on: str | None = None

    @property
    def told(self) -> str:
        """In one sentence."""
        if self.verdict != "undecided":
            return f"the {self.verdict} is better by {abs(self.difference):.1%} of the baseline's width"
        if not self.sessions:
            return "no session has scored both yet"
        smallest = f"{self.detectable:.1%} of the baseline's width"
        return f"after {self.sessions} sessions a difference below {smallest} cannot be seen"


def judge(pairs: Iterable[Pair], horizon: int, tests: int = 1) -> Judgement:
    """Compare the arms at one horizon.

    Args:
        tests: made side by side, such as one for each horizon, which share the 5 % of error among them.
    """
    sessions, differences = session_differences(pairs)
    if not sessions:
        return Judgement(horizon, 0, 1.0, "undecided", 0.0, -CLIP, CLIP, CLIP)
    found = evidence(differences, 0.0, -CLIP, CLIP, horizon, tests=tests)
    settled = np.flatnonzero(found >= DECIDED)
    count = int(settled[0]) + 1 if settled.size else len(sessions)
    seen = differences[:count]
    lower, upper = confidence_interval(seen, -CLIP, CLIP, horizon, tests=tests)
    mean = float(seen.mean())
    verdict: Verdict = "undecided" if not settled.size else "challenger" if mean > 0 else "champion"
    return Judgement(
        horizon=horizon,
        sessions=count,
        evidence=float(found[count - 1]),
        verdict=verdict,
        difference=mean,
        lower=lower,
        upper=upper,
        detectable=(upper - lower) / 2,
        decided_on=sessions[count - 1] if settled.size else None,
    )


def session_differences(pairs: Iterable[Pair]) -> tuple[list[str], FloatArray]:
    """Sessions in order, and the mean difference over the tickers of each, each ticker's clipped to CLIP."""
    by_session: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        by_session[pair.champion.made_on].append(_difference(pair))
    sessions = sorted(by_session)
    return sessions, np.array([float(np.mean(by_session[session])) for session in sessions])


def _difference(pair: Pair) -> float:
    both = (pair.champion, pair.challenger)
    lower, upper = (np.array([getattr(one, end) for one in both]) for end in ("lower", "upper"))
    champion, challenger = interval_scores(lower, upper, np.full(2, pair.actual))
    return float(np.clip((champion - challenger) / pair.champion.scale, -CLIP, CLIP))
