"""What a portfolio would have earned after the costs of trading."""

from dataclasses import dataclass

import numpy as np

from market.bars import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """A portfolio over n sessions.

    Attributes:
        returns: shape (n,), after costs.
        turnover: shape (n,), value bought and sold at each open, as a share of the portfolio.
    """

    returns: FloatArray
    turnover: FloatArray

    @property
    def worth(self) -> FloatArray:
        """Of one unit of money put in at the first open, after each session, shape (n,)."""
        return np.asarray(np.cumprod(1 + self.returns))


def trade(shares: FloatArray, held: FloatArray, cost: float) -> Account:
    """Bring the portfolio to `shares` at each open, beginning with cash.

    Args:
        shares: shape (n, k), of the portfolio's value before costs.
        held: shape (n, k), simple returns from that open to the next.
        cost: of what is bought and sold (0.0005 is 5 basis points).
    """
    gross = (shares * held).sum(axis=1)
    grown = shares * (1 + held) / (1 + gross)[:, np.newaxis]
    before = np.vstack((np.zeros(shares.shape[1]), grown[:-1]))
    turnover = np.abs(shares - before).sum(axis=1)
    return Account((1 - cost * turnover) * (1 + gross) - 1, turnover)
