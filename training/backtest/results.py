"""The figures of a backtest: each strategy at each cost."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from market.bars import FloatArray
from training.backtest.portfolio import Account
from training.backtest.sharpe import Moments, deflated, expected_maximum, sharpe_ratio, sharpe_samples
from training.backtest.strategies import REFERENCE, SESSIONS_A_YEAR

BOUNDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Result:
    """One strategy at one cost; a year has SESSIONS_A_YEAR sessions, intervals hold 95 %.

    Attributes:
        cost_basis_points: of what is bought and sold.
        annual_return: compound (0.2 is 20 %).
        annual_volatility: standard deviation of a year's return.
        sharpe, sharpe_lower, sharpe_upper: a year's, without interest on cash.
        gain, gain_lower, gain_upper: in the Sharpe ratio over REFERENCE at the same cost.
        turnover: bought and sold in a year, in portfolios.
        drawdown: largest loss from a peak (0.3 is 30 %).
        deflated_sharpe: probability that the true Sharpe ratio is above what the best of all trials would show by luck.
    """

    strategy: str
    cost_basis_points: int
    annual_return: float
    annual_volatility: float
    sharpe: float
    sharpe_lower: float
    sharpe_upper: float
    gain: float
    gain_lower: float
    gain_upper: float
    turnover: float
    drawdown: float
    deflated_sharpe: float

    def figures(self) -> dict[str, float]:
        """Its numbers by name."""
        return {name: value for name, value in asdict(self).items() if name not in {"strategy", "cost_basis_points"}}


def results(accounts: Mapping[str, Account], cost_basis_points: int, trials: int) -> list[Result]:
    """One for each account, all at the same cost.

    Args:
        accounts: by strategy, REFERENCE among them.
        trials: that the best of them may be the luckiest of.
    """
    ratios = np.array([sharpe_ratio(one.returns) for one in accounts.values()])
    sessions = accounts[REFERENCE].returns.size
    # Strategies that are nearly the same hide how far luck alone goes, which is 1 / sessions.
    threshold = expected_maximum(max(float(ratios.var(ddof=1)), 1 / sessions), trials)
    year = np.sqrt(SESSIONS_A_YEAR)
    reference = year * sharpe_samples(accounts[REFERENCE].returns)
    found = []
    for name, account in accounts.items():
        returns, samples = account.returns, year * sharpe_samples(account.returns)
        low, high = np.quantile(samples, BOUNDS)
        gain_low, gain_high = np.quantile(samples - reference, BOUNDS)
        sharpe = year * sharpe_ratio(returns)
        found.append(
            Result(
                strategy=name,
                cost_basis_points=cost_basis_points,
                annual_return=float(account.worth[-1] ** (SESSIONS_A_YEAR / sessions) - 1),
                annual_volatility=float(year * returns.std()),
                sharpe=float(sharpe),
                sharpe_lower=float(low),
                sharpe_upper=float(high),
                gain=float(sharpe - year * sharpe_ratio(accounts[REFERENCE].returns)),
                gain_lower=float(gain_low),
                gain_upper=float(gain_high),
                turnover=float(account.turnover.mean() * SESSIONS_A_YEAR),
                drawdown=float(drawdowns(account).max()),
                deflated_sharpe=deflated(Moments.of(returns), threshold),
            )
        )
    return found


def drawdowns(account: Account) -> FloatArray:
    """How far the worth is below its highest so far after each session, shape (n,), 0 to 1."""
    worth = np.concatenate(([1.0], account.worth))
    return np.asarray(1 - worth / np.maximum.accumulate(worth))[1:]


def table(found: Sequence[Result]) -> str:
    """A CSV file with a line for each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Result)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in found)
    return text.getvalue()
