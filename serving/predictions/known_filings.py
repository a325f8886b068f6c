"""What is known of the coming reports of each ticker, computed once a session."""

from collections.abc import Callable

import numpy as np

from forecasting.report_schedule import FilingChances, ReportSchedule
from market.calendar.sessions import Sessions
from market.reports.dates import ReportDates


class KnownFilings:
    """Chances of coming reports, computed anew when the session or the dates have changed."""

    def __init__(self, reports_of: Callable[[str], ReportDates], sessions: Sessions, announced_before: int) -> None:
        """Read dates by `reports_of`; the other arguments are those of ReportSchedule."""
        self._reports_of = reports_of
        self._sessions = sessions
        self._announced_before = announced_before
        self._known: dict[str, tuple[np.datetime64, ReportDates, FilingChances]] = {}

    def at(self, ticker: str, made_on: np.datetime64) -> FilingChances:
        """One row: what is known of the reports of `ticker` on the session `made_on`."""
        dates, known = self._reports_of(ticker), self._known.get(ticker)
        if known is None or known[0] != made_on or known[1] != dates:
            schedule = ReportSchedule.of(dates, self._sessions.session, self._announced_before)
            known = self._known[ticker] = made_on, dates, schedule.chances(np.array([made_on]))
        return known[2]
