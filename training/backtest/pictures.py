"""A backtest at a glance, as PNG files that stand beside the charts of its run in MLflow."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from market.bars import SessionArray
from training.backtest.portfolio import Account
from training.backtest.results import Result, drawdowns


def pictures(
    session: SessionArray, accounts: Mapping[int, Mapping[str, Account]], found: Sequence[Result]
) -> dict[str, bytes]:
    """The pictures by name.

    Args:
        session: shape (n,), of the accounts.
        accounts: by cost in basis points, then by strategy.
    """
    cost = sorted(accounts)[len(accounts) // 2]
    return {"worth": _worth(session, accounts[cost], cost), "sharpe_ratios": _sharpe_ratios(found)}


def _worth(session: SessionArray, accounts: Mapping[str, Account], cost: int) -> bytes:
    figure = Figure(figsize=(11, 7), layout="constrained")
    worth, loss = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for name, account in accounts.items():
        worth.plot(session, account.worth, label=name, linewidth=1)
        loss.plot(session, -drawdowns(account), linewidth=1)
    worth.set_yscale("log")
    worth.set_title(f"Worth of one unit of money, costs of {cost} basis points")
    worth.legend()
    loss.set_title("Loss from the highest so far")
    loss.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _png(figure)


def _sharpe_ratios(found: Sequence[Result]) -> bytes:
    figure = Figure(figsize=(11, 1.5 + 0.3 * len(found)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    place = np.arange(len(found))
    for axes, name, title in (
        (left, "sharpe", "Sharpe ratio a year, 95 % interval"),
        (right, "gain", "Gain in it over equal weight"),
    ):
        middle, lower, upper = (
            np.array([getattr(one, name + end) for one in found]) for end in ("", "_lower", "_upper")
        )
        axes.errorbar(middle, place, xerr=np.abs([middle - lower, upper - middle]), fmt="o", capsize=3)
        axes.axvline(0, color="tab:gray", linewidth=0.8)
        axes.set_title(title, fontsize="medium")
    left.set_yticks(place, [f"{one.strategy}, {one.cost_basis_points} bp" for one in found])
    left.set_ylim(len(found) - 0.5, -0.5)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()
