"""Where the rest of the program gets report dates: from memory, without waiting."""

from typing import Self

import structlog

from configuration import Market as MarketSettings
from market.errors import InvalidFile
from market.reports.dates import ReportDates
from market.reports.files import ReportFile

log = structlog.get_logger(__name__)


class ReportCalendar:
    """Report dates of every ticker; without any for one of which nothing is known."""

    def __init__(self, file: ReportFile | None = None) -> None:
        self._file = file
        self._last_known: dict[str, ReportDates] = {}
        self._logged = ""

    @classmethod
    def open(cls, settings: MarketSettings) -> Self:
        """The calendar as configured."""
        return cls(ReportFile(settings.files.reports) if settings.files.reports else None)

    def reports_of(self, ticker: str) -> ReportDates:
        """Past and announced reports of `ticker`; the last ones known while their file cannot be read."""
        if self._file is None:
            return ReportDates(ticker)
        try:
            self._last_known[ticker] = self._file.reports_of(ticker)
        except InvalidFile as error:
            self._log_once(str(error))
        return self._last_known.get(ticker, ReportDates(ticker))

    def _log_once(self, reason: str) -> None:
        if reason != self._logged:
            self._logged = reason
            log.error("reports.unreadable", reason=reason)
