"""The calendar of reports as configured."""

from market.clock import Clock
from market.history.sqlite_store import HistoryStore
from market.providers.configured import Resources
from market.reports.answer import ReportProvider
from market.reports.calendar import ReportCalendar
from market.reports.files import ReportFile
from market.reports.store import ReportStore


def configured_reports(resources: Resources, store: HistoryStore) -> ReportCalendar:
    """The calendar with the file that is named and the providers that can answer."""
    files = resources.settings.market.files
    file = ReportFile(files.reports) if files.reports else None
    return ReportCalendar(file, _providers(resources), ReportStore(store), Clock())


def _providers(resources: Resources) -> list[ReportProvider]:
    """EDGAR with a contact, then Alpha Vantage with a key where it is among the providers of prices."""
    market, found = resources.settings.market, list[ReportProvider]()
    if market.edgar.contact:
        from market.reports.edgar import Edgar

        quota = resources.quota("edgar", market.edgar.quota)
        found.append(Edgar(market.edgar, quota, resources.sessions, market.timeout))
    if "alpha_vantage" in market.providers and market.alpha_vantage.is_configured:
        from market.reports.alpha_vantage import AlphaVantageReports

        quota = resources.quota("alpha_vantage", market.alpha_vantage.quota)
        tickers = len(resources.settings.tickers)
        found.append(
            AlphaVantageReports(market.alpha_vantage, quota, market.timeout, quoted_tickers=tickers, clock=Clock())
        )
    return found
