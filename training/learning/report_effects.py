"""What report dates say about the sessions of a data set, and what past reports did to the ticker."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from forecasting.reports.reaction import LARGEST_SQUARE, USUAL, Reaction, reaction_of
from forecasting.reports.schedule import BoolArray, FilingChances, IndexArray, ReportSchedule
from market.bars import FloatArray, SessionArray


@dataclass(frozen=True, slots=True, eq=False)
class ReportEffects:
    """Reports as seen from n made-on sessions.

    Attributes:
        chances: of coming filings, as known on each session.
        near: shape (n,), whether a filing may have taken effect within the horizon, known afterwards.
        known_from: shape (m,), row on which the reaction to each past filing was known, ascending.
        reactions: m + 1 of them, the reaction learnt from the first 0, 1, ... m filings.
    """

    chances: FilingChances
    near: BoolArray
    known_from: IndexArray
    reactions: tuple[Reaction, ...]

    @classmethod
    def of(
        cls, schedule: ReportSchedule, session: SessionArray, close: FloatArray, level: FloatArray, horizon: int
    ) -> Self:
        """Learn from the sessions of one ticker.

        Args:
            session: shape (n,), ascending, each a session of the schedule's calendar.
            close: shape (n,).
            level: shape (n,), daily volatility level.
        """
        at = schedule.at(session)
        row = np.searchsorted(at, schedule.position)
        row = row[(row > 0) & (row + 1 < session.size)]
        squares = _relative_squares(close, level, row)
        pairs = np.column_stack((squares[row], squares[row + 1]))
        return cls(
            chances=schedule.chances(session),
            near=schedule.near(session, horizon),
            known_from=row + 1,
            reactions=tuple(reaction_of(pairs[:count]) for count in range(len(row) + 1)),
        )

    @classmethod
    def none(cls, count: int) -> Self:
        """Without any date, for `count` sessions."""
        unknown = np.zeros(count, dtype=np.bool_)
        nothing = np.zeros((count, 1))
        chances = FilingChances(nothing, np.full((count, 1), np.nan), unknown)
        return cls(chances, unknown, np.empty(0, dtype=np.int64), (USUAL,))

    def reaction(self, row: int) -> Reaction:
        """What was known of the reaction on a row."""
        return self.reactions[int(np.searchsorted(self.known_from, row, side="right"))]


def _relative_squares(close: FloatArray, level: FloatArray, reported: IndexArray) -> FloatArray:
    """Squared returns in units of the level before them, over their mean on ordinary sessions so far, shape (n,)."""
    squares = np.concatenate(([0.0], ((close[1:] / close[:-1] - 1) / level[:-1]) ** 2))
    ordinary = np.ones(squares.size, dtype=np.bool_)
    ordinary[0] = False
    ordinary[reported], ordinary[reported + 1] = False, False
    total = np.cumsum(np.where(ordinary, np.minimum(squares, LARGEST_SQUARE), 0.0))
    # One session of usual size before any is known.
    return np.asarray(squares * (1 + np.cumsum(ordinary)) / (1 + total))
