"""What is known of the coming reports of each ticker, computed once a session."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.reports.schedule import FilingChances, NextReport, ReportSchedule
from market.calendar.sessions import Sessions
from market.reports.dates import ReportDates


@dataclass(frozen=True, slots=True, eq=False)
class Filings:
    """What is known of the reports of one ticker on one session.

    Attributes:
        dates: that it is known from.
        chances: of coming reports, one row.
        coming: the next report, if anything lets expect one.
    """

    made_on: np.datetime64
    dates: ReportDates
    chances: FilingChances
    coming: NextReport | None

    @property
    def source(self) -> str:
        """Where the date of the next report came from, or the dates of earlier years that let expect it."""
        reports = self.dates.reports
        announced = [one.source for one in reports if self.coming and one.filed_on == self.coming.expected_on]
        return (announced or [one.source for one in reports[-1:]])[0]


class KnownFilings:
    """Computes anew when the session or the dates have changed."""

    def __init__(self, reports_of: Callable[[str], ReportDates], sessions: Sessions, announced_before: int) -> None:
        """Read dates by `reports_of`; the other arguments are those of ReportSchedule."""
        self._reports_of = reports_of
        self._sessions = sessions
        self._announced_before = announced_before
        self._known: dict[str, Filings] = {}

    def at(self, ticker: str, made_on: np.datetime64) -> Filings:
        """What is known of the reports of `ticker` on the session `made_on`."""
        dates, known = self._reports_of(ticker), self._known.get(ticker)
        if known is None or known.made_on != made_on or (known.dates is not dates and known.dates != dates):
            schedule = ReportSchedule.of(dates, self._sessions.session, self._announced_before)
            chances, coming = schedule.chances(np.array([made_on])), schedule.next_report(made_on)
            known = self._known[ticker] = Filings(made_on, dates, chances, coming)
        return known
