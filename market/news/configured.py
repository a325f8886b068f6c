"""The news as configured."""

from market.history.sqlite_store import HistoryStore
from market.news.article import NewsProvider
from market.news.feed import NewsFeed
from market.news.files import NewsFile
from market.news.store import NewsStore
from market.providers.configured import Resources


def configured_news(resources: Resources, store: HistoryStore) -> NewsFeed:
    """The feed with the file that is named, and Alpha Vantage with a key where it is among the providers of prices."""
    path = resources.settings.market.files.news
    return NewsFeed(NewsFile(path) if path else None, _provider(resources), NewsStore(store))


def _provider(resources: Resources) -> NewsProvider | None:
    market = resources.settings.market
    if "alpha_vantage" not in market.providers or not market.alpha_vantage.is_configured:
        return None
    from market.news.alpha_vantage import AlphaVantageNews

    quota = resources.quota("alpha_vantage", market.alpha_vantage.quota)
    tickers = len(resources.settings.tickers)
    return AlphaVantageNews(market.alpha_vantage, quota, market.timeout, quoted_tickers=tickers)
