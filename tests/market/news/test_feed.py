"""News as the program gets them: of the days before a moment, asked for once a day, known across restarts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from market.errors import InvalidFile, ProviderError, Unreachable
from market.history.sqlite_store import HistoryStore
from market.news.article import Article, News
from market.news.feed import NewsFeed
from market.news.files import NewsFile, parse_csv
from market.news.store import NewsStore

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)


def article(hours: float, url: str = "", **changed: Any) -> Article:
    """One of so many hours before noon."""
    given: dict[str, Any] = {
        "title": "Title",
        "url": url or f"https://example.com/{hours}",
        "publisher": "Wire",
        "published_at": NOON - timedelta(hours=hours),
        "topics": (),
        "relevance": 1.0,
        "tone": 0.0,
        "source": "alpha_vantage",
    }
    return Article(**given | changed)


class Provider:
    """Has articles, or fails."""

    name = "alpha_vantage"

    def __init__(self) -> None:
        self.known: Sequence[Article] | ProviderError = ()
        self.asked = 0

    async def articles(self, ticker: str) -> Sequence[Article]:
        assert ticker == "AAPL"
        self.asked += 1
        if isinstance(self.known, ProviderError):
            raise self.known
        return self.known

    async def close(self) -> None:
        pass


@pytest.fixture
def provider() -> Provider:
    return Provider()


def test_nothing_of_the_moment_itself_or_later_is_in_it() -> None:
    articles = [article(hours) for hours in (-1, 0, 0.001, 47, 49)]
    assert [one.url for one in News.of("AAPL", articles, NOON, 2).articles] == [
        "https://example.com/0.001",
        "https://example.com/47",
    ]


def test_an_address_counts_once_and_the_tone_by_relevance() -> None:
    articles = [
        article(1, "https://a.com", tone=1.0, relevance=0.1, topics=("earnings",)),
        article(2, "https://a.com", tone=-1.0),
        article(3, tone=-0.5, relevance=0.3),
        article(4, tone=None, topics=("earnings", "technology")),
    ]
    news = News.of("AAPL", articles, NOON, 7)
    assert (len(news.articles), news.about_earnings) == (3, 2)
    assert news.tone == pytest.approx((0.1 * 1.0 - 0.3 * 0.5) / 0.4)
    assert News.of("AAPL", [article(1, tone=None)], NOON, 7).tone is None
    assert News.of("AAPL", [article(1, relevance=0.0)], NOON, 7).tone == 0.0


async def test_what_was_fetched_is_stored_and_asked_for_again_after_a_day(
    provider: Provider, tmp_path: Path, clock: Any
) -> None:
    provider.known = [article(1, topics=("earnings",)), article(2, tone=None, relevance=None)]
    for _ in range(2):  # the second is a process that has started again
        feed = NewsFeed(None, provider, NewsStore(HistoryStore(tmp_path)), clock)
        await feed.refresh("AAPL")
        assert (await feed.news_of("AAPL", NOON, 7)).articles == tuple(provider.known)
        await feed.close()
    assert provider.asked == 1
    clock.forward(86401)
    await feed.refresh("AAPL")
    assert provider.asked == 2


async def test_a_question_has_the_provider_asked_in_the_background(
    provider: Provider, tmp_path: Path, clock: Any
) -> None:
    provider.known = [article(1)]
    feed = NewsFeed(None, provider, NewsStore(HistoryStore(tmp_path)), clock)
    await feed.news_of("AAPL", NOON, 7)
    await feed.refresh("AAPL")
    assert len((await feed.news_of("AAPL", NOON, 7)).articles) == 1
    assert provider.asked == 1
    await feed.close()


async def test_a_failure_leaves_what_is_known_and_is_tried_again_after_an_hour(
    provider: Provider, tmp_path: Path, clock: Any
) -> None:
    provider.known = [article(1)]
    feed = NewsFeed(None, provider, NewsStore(HistoryStore(tmp_path)), clock)
    await feed.refresh("AAPL")
    clock.forward(86401)
    provider.known = Unreachable("no answer")
    with capture_logs() as logs:
        await feed.refresh("AAPL")
    assert [line["event"] for line in logs if line["event"].startswith("news")] == ["news.not_fetched"]
    assert len((await feed.news_of("AAPL", NOON, 7)).articles) == 1
    assert provider.asked == 2
    await feed.close()


async def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(
        "ticker,published_at,title,url,topics,tone\n"
        "aapl,2024-03-08T11:00:00Z,<b>Apple</b>,https://example.com/a,Earnings;Technology,0.5\n"
        "MSFT,2024-03-08,Microsoft,https://example.com/m,,\n"
    )
    feed = NewsFeed(NewsFile(path))
    (found,) = (await feed.news_of("AAPL", NOON, 7)).articles
    assert (found.title, found.topics, found.tone) == ("<b>Apple</b>", ("earnings", "technology"), 0.5)
    path.write_text("ticker,title\n")
    with capture_logs() as logs:
        assert not (await feed.news_of("AAPL", NOON, 7)).articles
    assert [line["event"] for line in logs] == ["news.unreadable"]
    assert not (await NewsFeed().news_of("AAPL", NOON, 7)).articles


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1!,2024-03-08,Title,https://example.com,", "not a ticker"),
        ("AAPL,yesterday,Title,https://example.com,", "published_at or tone"),
        ("AAPL,2024-03-08,,https://example.com,", "title is empty"),
        ("AAPL,2024-03-08,Title,javascript:x,", "url is not an address"),
        ("AAPL,2024-03-08,Title,https://example.com,2", "not between -1 and 1"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(line: str, told: str) -> None:
    content = f"ticker,published_at,title,url,tone\n{line}\n".encode()
    with pytest.raises(InvalidFile, match=rf"^news.csv:2: .*{told}"):
        parse_csv(content, "news.csv")
