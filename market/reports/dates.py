"""The dates on which a company reports its results, as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

import numpy as np

from market.bars import SessionArray


class Timing(StrEnum):
    """When in its day a report is published; it decides which session reacts."""

    BEFORE_OPEN = "before_open"
    """The session of the day itself reacts."""
    AFTER_CLOSE = "after_close"
    """The session after it reacts."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """One report, past or announced.

    Attributes:
        filed_on: day on the exchange's clock, datetime64[D]; not always a session.
        source: name of the provider that gave the date.
        fetched_at: when it gave it, UTC.
    """

    filed_on: np.datetime64
    timing: Timing
    source: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class ReportDates:
    """Every known report of one ticker, ascending by date, one a day.

    Attributes:
        ticker: upper case.
        reports: n of them, none when nothing is known. Later than today: announced. The dates are messy: some quarters
            are missing, some reports are warnings or other announcements.
    """

    ticker: str
    reports: tuple[Report, ...] = ()

    @classmethod
    def of(cls, ticker: str, reports: Iterable[Report]) -> "ReportDates":
        """The same reports sorted; of two on one day the one whose timing is known, else the first, counts."""
        by_date: dict[np.datetime64, Report] = {}
        for report in reports:
            known = by_date.get(report.filed_on)
            if known is None or (known.timing is Timing.UNKNOWN and report.timing is not Timing.UNKNOWN):
                by_date[report.filed_on] = report
        return cls(ticker, tuple(sorted(by_date.values(), key=attrgetter("filed_on"))))

    @property
    def filed_on(self) -> SessionArray:
        """Shape (n,), datetime64[D], strictly ascending."""
        return np.array([report.filed_on for report in self.reports], dtype="datetime64[D]")

    @property
    def timing(self) -> tuple[Timing, ...]:
        """One for each of `filed_on`."""
        return tuple(report.timing for report in self.reports)
