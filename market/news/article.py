"""Articles about one ticker, and what they say together."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self
from urllib.parse import urlsplit

LONGEST_TITLE, LONGEST_NAME, LONGEST_URL = 300, 80, 500  # characters
MOST_TOPICS = 10
EARNINGS = "earnings"


@dataclass(frozen=True, slots=True)
class Article:
    """One article; its texts are plain and short, whoever wrote them.

    Attributes:
        url: http or https.
        publisher: as the provider names it.
        topics: lower case.
        relevance: to the ticker, 0 to 1; None where the provider says nothing.
        tone: towards the ticker, -1 to 1; None where the provider says nothing.
        source: name of the provider.
    """

    title: str
    url: str
    publisher: str
    published_at: datetime
    topics: tuple[str, ...]
    relevance: float | None
    tone: float | None
    source: str


class NewsProvider(Protocol):
    """Asks one source. Every call may raise a `ProviderError`, and nothing else."""

    @property
    def name(self) -> str:
        """As in the configuration, and in `source` of the articles."""

    async def articles(self, ticker: str) -> Sequence[Article]:
        """The newest articles about `ticker`."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class News:
    """What was written about one ticker in the days before a moment.

    Attributes:
        before: the moment; nothing of it or later is in here.
        articles: the newest first.
    """

    ticker: str
    before: datetime
    articles: tuple[Article, ...]

    @classmethod
    def of(cls, ticker: str, articles: Iterable[Article], before: datetime, days: int) -> Self:
        """Those of the last `days` days before `before`, by whichever source; one address counts once."""
        by_url: dict[str, Article] = {}
        for article in articles:
            if timedelta(0) < before - article.published_at <= timedelta(days=days):
                by_url.setdefault(article.url, article)
        newest_first = sorted(by_url.values(), key=lambda article: (article.published_at, article.url), reverse=True)
        return cls(ticker, before, tuple(newest_first))

    @property
    def about_earnings(self) -> int:
        """How many are about results."""
        return sum(EARNINGS in article.topics for article in self.articles)

    @property
    def tone(self) -> float | None:
        """Mean tone weighted by relevance, -1 to 1; None when no article has one."""
        weighed = [(article.tone, article.relevance or 0.0) for article in self.articles if article.tone is not None]
        total = sum(weight for _, weight in weighed)
        if not weighed:
            return None
        return sum(tone * weight for tone, weight in weighed) / total if total else 0.0


def plain(text: object, longest: int) -> str:
    """Text in one line of at most `longest` characters; entities become what they stand for, what is invisible goes."""
    shown = html.unescape(text[: 4 * longest]) if isinstance(text, str) else ""
    line = " ".join("".join(one if one.isprintable() else " " for one in shown).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def web_address(text: object) -> str | None:
    """An address that a browser may be sent to; None for everything else."""
    if not isinstance(text, str) or len(text) > LONGEST_URL or not text.isascii() or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return text if is_usable and not set(' "<>\\^`{|}') & set(text) else None
