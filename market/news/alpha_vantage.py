"""News from Alpha Vantage: the newest articles about a ticker, within what prices leave of the quota.

In its lists scores are texts, and times have a form of their own.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from configuration import AlphaVantage as AlphaVantageSettings
from market.errors import Malformed, ProviderError
from market.news.article import LONGEST_NAME, LONGEST_TITLE, MOST_TOPICS, Article, plain, web_address
from market.providers import parsing
from market.providers.alpha_vantage import NAME, refusal
from market.providers.http import HttpSource, signed
from market.providers.quotas.quota import Quota

TIME_FORM = "%Y%m%dT%H%M%S"
LIMIT = 50


class AlphaVantageNews:
    """Asks Alpha Vantage."""

    name = NAME

    def __init__(self, settings: AlphaVantageSettings, quota: Quota, timeout: float, *, quoted_tickers: int) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key else ""

        def sign(request: httpx.Request) -> httpx.Request:
            return signed(request, params={"apikey": key})

        self._source = HttpSource(NAME, settings.base_url, quota, timeout=timeout, sign=sign, refusal=_news_refusal)
        self._quota = quota
        self._kept_requests = 2 * quoted_tickers

    async def articles(self, ticker: str) -> Sequence[Article]:
        """The newest articles; asked within what bars and quotes leave of the quota."""
        await self._quota.check_kept(self._kept_requests)
        symbol = ticker.replace(".", "-")
        body = await self._source.get(
            ticker, function="NEWS_SENTIMENT", tickers=symbol, sort="LATEST", limit=str(LIMIT)
        )
        return parse_news(body, ticker)

    async def close(self) -> None:
        """Close the connections."""
        await self._source.close()


def parse_news(body: bytes, ticker: str) -> list[Article]:
    """Articles of NEWS_SENTIMENT, in its order; those without title, time or usable address are left out.

    Raises:
        ProviderError: the answer is an error, or no news.
    """
    if error := _news_refusal(body):
        raise error
    answer = parsing.decoded(body, NAME)
    if _says_none(answer):
        return []
    feed = answer.get("feed") if isinstance(answer, dict) else None
    if not isinstance(feed, list) or not all(isinstance(one, dict) for one in feed):
        raise Malformed(f"{NAME}: its answer for {ticker} holds no list of articles")
    found = (_article(one, ticker) for one in feed[:LIMIT])
    return [article for article in found if article is not None]


def _news_refusal(body: bytes) -> ProviderError | None:
    """As for prices; that there are no articles is no refusal."""
    try:
        is_none = _says_none(parsing.decoded(body, NAME))
    except Malformed:
        is_none = False
    return None if is_none else refusal(body)


def _says_none(answer: Any) -> bool:
    said = answer.get("Information") if isinstance(answer, dict) else None
    return isinstance(said, str) and said.lower().startswith("no articles found")


def _article(one: dict[str, Any], ticker: str) -> Article | None:
    title, url = plain(one.get("title"), LONGEST_TITLE), web_address(one.get("url"))
    published_at = _moment(one.get("time_published"))
    if not title or url is None or published_at is None:
        return None
    about = next((each for each in _objects(one.get("ticker_sentiment")) if _is(each.get("ticker"), ticker)), {})
    topics = (plain(each.get("topic"), LONGEST_NAME).lower() for each in _objects(one.get("topics"))[:MOST_TOPICS])
    return Article(
        title=title,
        url=url,
        publisher=plain(one.get("source"), LONGEST_NAME),
        published_at=published_at,
        topics=tuple(topic for topic in topics if topic),
        relevance=_score(about.get("relevance_score"), 0.0),
        tone=_score(about.get("ticker_sentiment_score"), -1.0),
        source=NAME,
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is(symbol: object, ticker: str) -> bool:
    return isinstance(symbol, str) and symbol.upper().replace("-", ".") == ticker.replace("-", ".")


def _score(value: object, least: float) -> float | None:
    """A score up to 1; None where there is none that can be read."""
    try:
        return min(max(parsing.number(value, NAME, "score"), least), 1.0)
    except Malformed:
        return None


def _moment(text: object) -> datetime | None:
    try:
        return datetime.strptime(text if isinstance(text, str) else "", TIME_FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
