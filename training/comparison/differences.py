"""How much better one recipe is than another, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market.bars import FloatArray
from training.comparison.scoring import Scored
from training.scoring.bootstrap import resampled_means

# Sessions resampled together, at least: a month, because volatility comes in runs.
SHORTEST_BLOCK = 21


@dataclass(frozen=True, slots=True)
class Difference:
    """Share by which the mean interval score is lower than the reference's, with a 95 % bootstrap interval.

    Attributes:
        sessions: number of sessions that both were scored on.
    """

    share: float
    lower: float
    upper: float
    sessions: int

    @property
    def is_proven(self) -> bool:
        """Whether the interval leaves no doubt about the sign."""
        return self.lower > 0 or self.upper < 0


def difference(scored: Sequence[Scored], reference: Sequence[Scored], horizon: int) -> Difference | None:
    """Compare two recipes over the tickers and sessions that both were scored on, all tickers of a session together.

    Returns:
        Null when they share no session.
    """
    by_ticker = {one.ticker: one for one in reference}
    own, other = _sum_by_session([_common(one, by_ticker[one.ticker]) for one in scored if one.ticker in by_ticker])
    if not own.size:
        return None
    gains = (other - own) / other.mean()
    low, high = np.quantile(resampled_means(gains, max(SHORTEST_BLOCK, 2 * horizon)), [0.025, 0.975])
    return Difference(float(gains.mean()), float(low), float(high), own.size)


def _common(one: Scored, other: Scored) -> tuple[np.ndarray, FloatArray, FloatArray]:
    session, ours, theirs = np.intersect1d(one.session, other.session, return_indices=True)
    return session, one.interval_score[ours], other.interval_score[theirs]


def _sum_by_session(parts: Sequence[tuple[np.ndarray, FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Sums over the tickers of each session, ascending."""
    if not parts:
        return np.empty(0), np.empty(0)
    session = np.concatenate([part[0] for part in parts])
    _, place = np.unique(session, return_inverse=True)
    own, other = (np.concatenate([part[column] for part in parts]) for column in (1, 2))
    return np.bincount(place, weights=own).astype(float), np.bincount(place, weights=other).astype(float)
