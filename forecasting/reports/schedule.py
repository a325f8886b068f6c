"""The chance that a report is filed on each coming session: from announced dates and those of earlier years."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configuration import LONGEST_HORIZON
from market.bars import FloatArray, SessionArray
from market.reports.dates import ReportDates, Timing

BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]

# 52 weeks, which keep the weekday.
YEAR = 364
# A filing so many days from 52, 104 or 156 weeks after an earlier one is a scheduled report; others are surprises.
SCHEDULED_WITHIN, EARLIER_YEARS = 10, (1, 2, 3)
# Sessions by which a report comes later than 52 weeks after last year's, and how often: ten companies, to 2022.
DELAYS: IndexArray = np.arange(-5, 6)
DELAY_CHANCES: FloatArray = np.array([0.006, 0.015, 0.02, 0.027, 0.05, 0.435, 0.13, 0.087, 0.052, 0.052, 0.126])
# Share of reports that follow at no such session.
UNMATCHED = 0.06
# Sessions within which a filing and an expected report are the same one.
SAME_REPORT = 15
# Sessions after its last known filing for which a ticker's reports can still be expected: a year and some days.
OUTDATED = 270
# Columns of the chances: the made-on session, whose report may follow its close, and those up to the longest horizon.
REACH = LONGEST_HORIZON + 1
SAME_SESSION = {Timing.BEFORE_OPEN: 1.0, Timing.AFTER_CLOSE: 0.0, Timing.UNKNOWN: np.nan}


@dataclass(frozen=True, slots=True, eq=False)
class FilingChances:
    """What is known of coming reports on n made-on sessions.

    Attributes:
        chance: shape (n, REACH), probability that a report is filed j sessions after the made-on session.
        same_session: shape (n, REACH), probability that such a report takes effect in the session it is filed on, 0 or
            1 where its timing is known, NaN where it is not; otherwise it takes effect in the next.
        covered: shape (n,), whether enough dates are known that a chance of zero means no report.
    """

    chance: FloatArray
    same_session: FloatArray
    covered: BoolArray

    def within(self, horizon: int, same_session: float, row: int = 0) -> float:
        """Probability that a report takes effect in one of the next `horizon` sessions.

        Args:
            same_session: where the timing is not known.
            row: of the made-on session.
        """
        chance, known = self.chance[row], self.same_session[row]
        same = np.where(np.isnan(known), same_session, known)
        on_the_day = float(np.add.reduce((chance * same)[1 : horizon + 1]))
        day_after = float(np.add.reduce((chance * (1 - same))[:horizon]))
        return min(on_the_day + day_after, 1.0)


@dataclass(frozen=True, slots=True)
class NextReport:
    """The next report of a ticker.

    Attributes:
        expected_on: session of its filing, datetime64[D].
        confirmed: whether the date was announced; otherwise last year's date lets expect it.
    """

    expected_on: np.datetime64
    confirmed: bool


@dataclass(frozen=True, slots=True, eq=False)
class ReportSchedule:
    """The filings of one ticker on the calendar of its exchange, m of them, ascending.

    Attributes:
        sessions: the exchange's, ascending, from before the first bar to beyond the longest horizon.
        position: shape (m,), index in `sessions` of the first session on or after each filing.
        scheduled: shape (m,), whether the date could be announced.
        expected: shape (m,), index in `sessions` where the next year's report is expected.
        same_session: shape (m,), as in FilingChances.
        announced_before: sessions ahead from which the date of a scheduled report is known; 0 when never.
    """

    sessions: SessionArray
    position: IndexArray
    scheduled: BoolArray
    expected: IndexArray
    same_session: FloatArray
    announced_before: int

    @classmethod
    def of(cls, dates: ReportDates, sessions: SessionArray, announced_before: int) -> Self:
        """The schedule of a ticker with any number of known reports, none included."""
        filed_on = dates.filed_on
        fetched_on = np.array([report.fetched_at.date() for report in dates.reports], dtype="datetime64[D]")
        return cls(
            sessions=sessions,
            position=np.searchsorted(sessions, filed_on),
            scheduled=follows_an_earlier_year(filed_on) | (fetched_on < filed_on),
            expected=np.searchsorted(sessions, filed_on + YEAR),
            same_session=np.array([SAME_SESSION[timing] for timing in dates.timing], dtype=np.float64),
            announced_before=announced_before,
        )

    def at(self, made_on: SessionArray) -> IndexArray:
        """Index in `sessions` of each made-on session, shape (n,)."""
        return np.asarray(np.searchsorted(self.sessions, made_on, side="right") - 1)

    def chances(self, made_on: SessionArray) -> FilingChances:
        """What was known on each of n sessions: filings before it, and scheduled ones once they were announced."""
        at = self.at(made_on)
        chance, same_session = np.zeros((at.size, REACH)), np.full((at.size, REACH), np.nan)
        for expected, same in zip(self.expected, self.same_session, strict=True):
            self._expect(chance, same_session, at, int(expected), float(same))
        for index in np.flatnonzero(self.scheduled):
            ahead = self.position[index] - at
            known = self._announced(int(index), at) & (ahead >= 0) & (ahead < REACH)
            chance[known, ahead[known]] = 1.0
            same_session[known, ahead[known]] = self.same_session[index]
        return FilingChances(chance, same_session, self._covered(at))

    def next_report(self, made_on: np.datetime64) -> NextReport | None:
        """The first report from the session `made_on` on, as known then; none where nothing lets expect one."""
        at = self.at(np.array([made_on]))
        announced = [self.position[index] for index in range(self.position.size) if self._announced(index, at)[0]]
        coming = [(int(one), True) for one in announced if one >= at[0]]
        inferred = [
            int(one) for one in self.expected if one + DELAYS[-1] >= at[0] and not self._settled(int(one), at)[0]
        ]
        coming += [(max(one, int(at[0])), False) for one in inferred]
        found = min((one for one in coming if one[0] < self.sessions.size), default=None)
        return None if found is None else NextReport(np.datetime64(self.sessions[found[0]], "D"), found[1])

    def near(self, made_on: SessionArray, horizon: int) -> BoolArray:
        """Whether any filing may have taken effect in the next `horizon` sessions, known afterwards, shape (n,)."""
        ahead = self.position - self.at(made_on)[:, np.newaxis]
        return np.asarray(np.any((ahead >= 0) & (ahead <= horizon), axis=1))

    def _expect(self, chance: FloatArray, same_session: FloatArray, at: IndexArray, expected: int, same: float) -> None:
        """Enter what a report of a year ago lets expect, where that report is neither filed nor announced."""
        rows = np.flatnonzero((at <= expected + DELAYS[-1]) & (at >= expected + DELAYS[0] - REACH))
        rows = rows[~self._settled(expected, at[rows])]
        ahead = expected + DELAYS - at[rows, np.newaxis]
        weight = DELAY_CHANCES * (ahead >= 0)
        chances = weight / (np.add.reduce(weight, axis=1, keepdims=True) + UNMATCHED)
        row, column = np.nonzero((ahead >= 0) & (ahead < REACH))
        place = (rows[row], ahead[row, column])
        chance[place] = np.maximum(chance[place], chances[row, column])
        same_session[place] = same

    def _settled(self, expected: int, at: IndexArray) -> BoolArray:
        """Whether the report expected at a position was known to be filed or announced, shape of `at`."""
        settled = np.zeros(at.size, dtype=np.bool_)
        for index in np.flatnonzero(np.abs(self.position - expected) <= SAME_REPORT):
            settled |= (self.position[index] < at) | self._announced(int(index), at)
        return settled

    def _announced(self, index: int, at: IndexArray) -> BoolArray:
        if not (self.announced_before and self.scheduled[index]):
            return np.zeros(at.size, dtype=np.bool_)
        return np.asarray(self.position[index] - at <= self.announced_before)

    def _covered(self, at: IndexArray) -> BoolArray:
        known = np.searchsorted(self.position, at)
        newest = np.concatenate(([-OUTDATED], self.position))[known]
        return np.asarray(at - newest < OUTDATED)


def follows_an_earlier_year(filed_on: SessionArray) -> BoolArray:
    """Whether each filing comes about 52, 104 or 156 weeks after an earlier one, shape of `filed_on`."""
    lag = (filed_on[:, np.newaxis] - filed_on).astype(np.int64)
    near = [np.abs(lag - YEAR * years) <= SCHEDULED_WITHIN for years in EARLIER_YEARS]
    return np.asarray(np.any(near, axis=(0, 2)))
