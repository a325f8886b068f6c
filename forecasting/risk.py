"""Risk of a list of positions: each return from its own distribution, together as they fell together in the past."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.distribution import Distribution
from market.bars import FloatArray


@dataclass(frozen=True, slots=True)
class Risk:
    """Losses over the horizon as positive amounts, in the currency of the positions.

    Attributes:
        value_at_risk: loss that is exceeded with the given probability.
        expected_shortfall: mean of the losses at least that large.
    """

    value_at_risk: float
    expected_shortfall: float


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
