"""What was written about a company, as an answer."""

from datetime import UTC, date, datetime, time

from configuration import Settings
from market.market import Market
from market.news.article import Article
from serving.contract.details import ArticleAnswer, NewsAnswer
from serving.contract.validation import check_ticker

MOST_LISTED = 50
DIGITS = 4


async def recent_news(settings: Settings, market: Market, ticker: str, days: int, as_of: date | None) -> NewsAnswer:
    """The news of the last `days` days, up to now or to the end of `as_of`.

    Raises:
        Problem: 404 or 422 for a ticker that is not served.
    """
    now = datetime.now(UTC)
    before = now if as_of is None else min(datetime.combine(as_of, time.max, UTC), now)
    news = await market.news_of(check_ticker(ticker, settings), before, days)
    return NewsAnswer(
        ticker=news.ticker,
        before=news.before,
        days=days,
        count=len(news.articles),
        about_earnings=news.about_earnings,
        tone=_rounded(news.tone),
        articles=[_answer(article) for article in news.articles[:MOST_LISTED]],
    )


def escaped(body: bytes) -> bytes:
    """The same JSON without a character that has a meaning in HTML; they can only stand within its texts."""
    return body.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")


def _answer(article: Article) -> ArticleAnswer:
    return ArticleAnswer(
        title=article.title,
        url=article.url,
        publisher=article.publisher,
        published_at=article.published_at,
        topics=list(article.topics),
        tone=_rounded(article.tone),
        relevance=_rounded(article.relevance),
        source=article.source,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
