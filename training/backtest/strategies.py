"""What share of the portfolio each ticker has, from forecasts alone.

Each takes a panel of n sessions and k tickers and gives shares of shape (n, k), which are traded at the next open; what
they leave of one is cash without interest.
"""

from collections.abc import Callable

import numpy as np

from market.bars import FloatArray
from training.backtest.panel import Panel
from training.scoring.scores import EVEN

SESSIONS_A_YEAR = 252
# Standard deviation of a year's return that each ticker is held down to.
TARGET_VOLATILITY = 0.20
REFERENCE = "equal_weight"


def equal_weight(panel: Panel) -> FloatArray:
    """The same of each, brought back to that at each open."""
    return np.full(panel.held.shape, 1 / len(panel.tickers))


def buy_and_hold(panel: Panel) -> FloatArray:
    """The same of each at the first open, then what becomes of it: shares that drift need no trade."""
    worth = np.cumprod(1 + panel.held, axis=0)
    worth = np.vstack((np.ones(len(panel.tickers)), worth[:-1]))
    return np.asarray(worth / worth.sum(axis=1, keepdims=True))


def inverse_width(panel: Panel) -> FloatArray:
    """In inverse proportion to the width of the interval; always fully invested."""
    shares = 1 / panel.volatility
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def volatility_targeting(panel: Panel) -> FloatArray:
    """An equal part of each, less where the interval says more than TARGET_VOLATILITY.

    Source: Moreira and Muir, "Volatility-Managed Portfolios", 2017, without borrowing.
    """
    target = TARGET_VOLATILITY / np.sqrt(SESSIONS_A_YEAR)
    return np.asarray(np.minimum(target / panel.volatility, 1) / len(panel.tickers))


def sign_following(panel: Panel) -> FloatArray:
    """Long what is said to rise, short what is said to fall: shown because it is what people try first."""
    return np.asarray(np.where(panel.probability_up >= EVEN, 1.0, -1.0) / len(panel.tickers))


STRATEGIES: dict[str, Callable[[Panel], FloatArray]] = {
    one.__name__: one for one in (equal_weight, buy_and_hold, inverse_width, volatility_targeting, sign_following)
}
