"""Risk of a list of positions: each return from its own distribution, together as they fell together in the past."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.baseline import LARGEST_SAMPLE
from forecasting.distribution import Distribution
from market.bars import FloatArray, SessionArray

# Sessions that a ticker must have missed on together with others: half of those that are looked at.
FEWEST_SHARED = LARGEST_SAMPLE // 2


@dataclass(frozen=True, slots=True)
class Risk:
    """Losses over the horizon as positive amounts, in the currency of the positions.

    Attributes:
        value_at_risk: loss that is exceeded with the given probability.
        expected_shortfall: mean of the losses at least that large.
    """

    value_at_risk: float
    expected_shortfall: float


@dataclass(frozen=True, slots=True, eq=False)
class Misses:
    """By how much past forecasts of one ticker missed.

    Attributes:
        session: shape (n,), made-on, ascending, each once.
        size: shape (n,), in any unit that makes them comparable; their order alone counts.
    """

    ticker: str
    session: SessionArray
    size: FloatArray


def joint_ranks(misses: Sequence[Misses]) -> FloatArray:
    """Ranks of k tickers' misses, shape (LARGEST_SAMPLE, k), each between 0 and 1.

    One session's misses stand in one row; the rows are the last sessions on which any of the tickers missed. Where a
    ticker has none, its rank is drawn independently of the others, the same in each call.
    """
    sessions = np.unique(np.concatenate([one.session for one in misses]))[-LARGEST_SAMPLE:]
    unknown = np.full(LARGEST_SAMPLE - sessions.size, np.datetime64("NaT"))
    rows = np.concatenate((unknown, sessions))
    return np.column_stack([_column(one, rows) for one in misses])


def taken_as_independent(misses: Sequence[Misses]) -> list[str]:
    """Tickers with so few misses in the sessions of the others that their dependence is drawn rather than known."""
    if len(misses) < 2:  # noqa: PLR2004  # one depends on no other
        return []
    sessions, counts = np.unique(np.concatenate([one.session for one in misses]), return_counts=True)
    together = sessions[counts > 1]
    return [one.ticker for one in misses if np.isin(one.session, together).sum() < FEWEST_SHARED]


def joint_returns(distributions: Sequence[Distribution], ranks: FloatArray) -> FloatArray:
    """Scenarios of the returns of k tickers, one for each past session, shape (n, k).

    The ranks of one session are taken together, so the dependence between the tickers is the empirical one, while each
    ticker keeps the distribution of its forecast: an empirical copula.

    Args:
        distributions: k of them, over one horizon.
        ranks: shape (n, k), the probability below each past return under the forecast made for it, between 0 and 1.

    Source: Sklar, "Fonctions de repartition a n dimensions et leurs marges", 1959.
    """
    columns = [one.quantile(ranks[:, index]) for index, one in enumerate(distributions)]
    return np.column_stack(columns)


def portfolio_risk(positions: FloatArray, returns: FloatArray, probability: float) -> Risk:
    """Value at risk and expected shortfall of a list of positions.

    Args:
        positions: shape (k,), value of each position, negative when short.
        returns: shape (n, k), equally likely scenarios of `joint_returns`.
        probability: of a larger loss, such as 0.05.

    Source: Acerbi and Tasche, "On the Coherence of Expected Shortfall", 2002, with whole scenarios.
    """
    losses = np.sort(-(returns @ positions))
    value_at_risk = float(np.quantile(losses, 1 - probability, method="higher"))
    return Risk(value_at_risk, float(losses[losses >= value_at_risk].mean()))


def _column(misses: Misses, sessions: SessionArray) -> FloatArray:
    column, known = np.empty(sessions.size), np.isin(sessions, misses.session)
    size = misses.size[np.isin(misses.session, sessions)]
    column[known] = _uniform(size.size)[size.argsort().argsort()]
    drawn = _uniform(sessions.size - size.size)
    column[~known] = np.random.default_rng([*misses.ticker.encode()]).permutation(drawn)
    return column


def _uniform(count: int) -> FloatArray:
    """Evenly spread between 0 and 1, ascending."""
    return (np.arange(count) + 0.5) / max(count, 1)
