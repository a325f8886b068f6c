"""Value at risk of a portfolio of all tickers in equal parts, walk-forward: each session knows past misses alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.baseline import LARGEST_SAMPLE
from forecasting.distribution import Distribution
from forecasting.risk import Misses, joint_ranks, joint_returns, portfolio_risk
from market.bars import FloatArray, SessionArray
from training.scoring.risk_scores import christoffersen, kupiec, quantile_loss

PROBABILITIES = (0.01, 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One ticker's distributions and the returns that followed, of the same m sessions as every other's.

    Attributes:
        unit: shape (m,), one return of usual size, known on the session.
    """

    ticker: str
    session: SessionArray
    distributions: Sequence[Distribution]
    actual: FloatArray
    unit: FloatArray

    def misses(self, rows: slice) -> Misses:
        """Past misses as the service takes them."""
        return Misses(self.ticker, self.session[rows], (self.actual / self.unit)[rows])


def value_at_risk(members: Sequence[Member], horizon: int, probability: float) -> tuple[FloatArray, FloatArray]:
    """Value at risk and expected shortfall of each session after the first LARGEST_SAMPLE, shares of the portfolio."""
    actual = np.column_stack([one.actual for one in members])
    positions = np.full(len(members), 1 / len(members))
    found = []
    for row in range(LARGEST_SAMPLE, len(actual)):
        past = slice(max(row - horizon + 1 - LARGEST_SAMPLE, 0), row - horizon + 1)
        ranks = joint_ranks([one.misses(past) for one in members])
        returns = joint_returns([one.distributions[row] for one in members], ranks)
        risk = portfolio_risk(positions, returns, probability)
        found.append((risk.value_at_risk, risk.expected_shortfall))
    shares = np.array(found)
    return shares[:, 0], shares[:, 1]


def risk_table(by_horizon: Mapping[int, Sequence[Member]]) -> str:
    """Markdown: how often value at risk was exceeded, and what the tests say of it."""
    heading = (
        "sessions",
        "probability",
        "days",
        "exceeded",
        "Kupiec p",
        "Christoffersen p",
        "quantile loss",
        "last 504",
    )
    lines = ["| " + " | ".join(heading) + " |", "| --- " * len(heading) + "|"]
    for horizon, members in by_horizon.items():
        lines += [_line(members, horizon, probability) for probability in PROBABILITIES]
    return "\n".join(lines)


def _line(members: Sequence[Member], horizon: int, probability: float) -> str:
    """One horizon and probability; the tests take every `horizon`-th session, since returns over several overlap."""
    at_risk, _ = value_at_risk(members, horizon, probability)
    portfolio = np.column_stack([one.actual for one in members]).mean(axis=1)
    simple = [
        np.quantile(portfolio[row - horizon + 1 - LARGEST_SAMPLE : row - horizon + 1], probability)
        for row in range(LARGEST_SAMPLE + horizon, portfolio.size)
    ]
    at_risk, actual = at_risk[horizon:], portfolio[LARGEST_SAMPLE + horizon :]
    exceeded = actual < -at_risk
    apart = exceeded[::horizon]
    cells = (
        str(horizon),
        f"{probability:.0%}",
        str(actual.size),
        f"{exceeded.mean():.1%}",
        f"{kupiec(apart, probability):.2f}",
        f"{christoffersen(apart):.2f}",
        f"{quantile_loss(-at_risk, actual, probability):.5f}",
        f"{quantile_loss(np.array(simple), actual, probability):.5f}",
    )
    return "| " + " | ".join(cells) + " |"
