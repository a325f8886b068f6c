"""Out-of-sample forecasts of several tickers side by side, with the returns that a trade on each could have had."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from statistics import NormalDist

import numpy as np

from forecasting.distribution import INTERVAL_LEVEL
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars, FloatArray, SessionArray
from training.errors import TooFewSessions, TrainingError
from training.learning.dataset import make_dataset
from training.learning.training_config import TrainingConfig
from training.learning.walk_forward import walk_forward
from training.scoring.evaluation import evaluate

# Standard deviations between the ends of a normal variable's interval.
SPREAD = 2 * NormalDist().inv_cdf(0.5 + INTERVAL_LEVEL / 2)
# Sessions, at least: a year.
FEWEST = 252


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One ticker.

    Attributes:
        session: shape (n,), on whose close each forecast was made.
        volatility: shape (n,), of the next session's return as the interval has it (0.02 is 2 %).
        probability_up: shape (n,).
        held: shape (n,), simple return from the next session's open, where the forecast can first be traded on, to the
            open after it.
    """

    ticker: str
    session: SessionArray
    volatility: FloatArray
    probability_up: FloatArray
    held: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Members on the n sessions that all of k tickers have; matrices of shape (n, k)."""

    tickers: tuple[str, ...]
    session: SessionArray
    volatility: FloatArray
    probability_up: FloatArray
    held: FloatArray


def member(bars: Bars, config: TrainingConfig, schedule: ReportSchedule | None = None) -> Member | str:
    """Walk forward through the bars of a ticker, or say in one line why that cannot be."""
    try:
        data = make_dataset(bars, 1, schedule)
        made = evaluate(data, walk_forward(data, config))
    except TrainingError as error:
        return str(error)
    offset = len(bars) - len(data)
    bar = made.row[made.row + offset + 2 < len(bars)] + offset
    known = slice(None, bar.size)
    return Member(
        ticker=bars.ticker,
        session=bars.session[bar],
        volatility=((made.upper - made.lower) / SPREAD)[known],
        probability_up=made.probability_up[known],
        held=bars.open[bar + 2] / bars.open[bar + 1] - 1,
    )


def panel(members: Sequence[Member]) -> Panel:
    """The sessions that all members have.

    Raises:
        TooFewSessions: fewer than FEWEST.
    """
    session: SessionArray = reduce(np.intersect1d, [one.session for one in members])
    if session.size < FEWEST:
        raise TooFewSessions(f"{session.size} sessions have forecasts of all tickers, but {FEWEST} are needed")
    rows = [np.searchsorted(one.session, session) for one in members]

    def column(name: str) -> FloatArray:
        return np.column_stack([getattr(one, name)[row] for one, row in zip(members, rows, strict=True)])

    tickers = tuple(one.ticker for one in members)
    return Panel(tickers, session, column("volatility"), column("probability_up"), column("held"))
