"""Report dates as they may come: announced, only past ones, none any more, none at all, and wrong ones."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forecasting.reports.schedule import ReportSchedule
from market.bars import SessionArray
from market.reports.dates import ReportDates

ANNOUNCED_BEFORE = 10
VARIANTS = {
    "announced": "announced 10 sessions ahead",
    "inferred": "inferred from past ones alone",
    "outage": "announced, and none any more after 2023-03-01",
    "none": "none",
    "later": "wrong by a day: later",
    "earlier": "wrong by a day: earlier",
    "another": "another ticker's",
}
SILENT_AFTER = np.datetime64("2023-03-01")
SHIFTS = {"later": 1, "earlier": -1}


def told(dates: ReportDates, sessions: SessionArray, announced_before: int = ANNOUNCED_BEFORE) -> ReportSchedule:
    """The schedule with these dates."""
    return ReportSchedule.of(dates, sessions, announced_before)


def variant(name: str, ticker: str, dates: Mapping[str, ReportDates], sessions: SessionArray) -> ReportSchedule:
    """The schedule of `ticker` with dates as VARIANTS says."""
    own = dates[ticker]
    if name == "none":
        return told(ReportDates(ticker), sessions)
    if name == "inferred":
        return told(own, sessions, announced_before=0)
    if name == "outage":
        return told(until(own, SILENT_AFTER), sessions)
    if name in SHIFTS:
        return told(shifted(own, SHIFTS[name]), sessions)
    if name == "another":
        others = sorted(dates)
        return told(dates[others[(others.index(ticker) + 3) % len(others)]], sessions)
    return told(own, sessions)


def shifted(dates: ReportDates, days: int) -> ReportDates:
    """Every report `days` days later."""
    moved = (replace(report, filed_on=report.filed_on + np.timedelta64(days, "D")) for report in dates.reports)
    return ReportDates.of(dates.ticker, moved)


def until(dates: ReportDates, last: np.datetime64) -> ReportDates:
    """The reports filed no later than `last`."""
    return ReportDates.of(dates.ticker, (report for report in dates.reports if report.filed_on <= last))
