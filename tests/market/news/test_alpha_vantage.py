"""News of Alpha Vantage: its lists of texts become articles, and nothing of it is more than plain short text."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from configuration import AlphaVantage as Settings
from market.errors import BadKey, KeptForQuotes, Malformed, ProviderError, QuotaSpent
from market.news.alpha_vantage import AlphaVantageNews, parse_news
from market.news.article import LONGEST_TITLE, LONGEST_URL, plain, web_address
from market.providers.quotas.quota import LocalCounters, Quota

KEY = "THEKEYOFTHISTEST"
ARTICLE: dict[str, Any] = {
    "title": "Apple beats &amp; raises",
    "url": "https://www.example.com/apple?id=1",
    "time_published": "20240308T143000",
    "authors": ["A"],
    "summary": "…",
    "source": "Example Wire",
    "topics": [{"topic": "Earnings", "relevance_score": "0.99"}, {"topic": "Technology", "relevance_score": "1.0"}],
    "overall_sentiment_score": 0.31,
    "ticker_sentiment": [
        {"ticker": "MSFT", "relevance_score": "0.9", "ticker_sentiment_score": "-0.9"},
        {"ticker": "AAPL", "relevance_score": "0.5", "ticker_sentiment_score": "0.25", "ticker_sentiment_label": "x"},
    ],
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def feed(*articles: Any) -> bytes:
    return json.dumps({"items": str(len(articles)), "feed": list(articles)}).encode()


def test_an_article_with_the_scores_of_its_ticker() -> None:
    (article,) = parse_news(feed(ARTICLE), "AAPL")
    assert (article.title, article.publisher) == ("Apple beats & raises", "Example Wire")
    assert article.published_at == datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
    assert article.topics == ("earnings", "technology")
    assert (article.relevance, article.tone, article.source) == (0.5, 0.25, "alpha_vantage")


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": None},
        {"url": "javascript:alert(1)"},
        {"url": "https://user:pass@example.com/"},
        {"url": 'https://example.com/"onmouseover="x'},
        {"url": "https://example.com/" + "a" * LONGEST_URL},
        {"time_published": "2024-03-08"},
    ],
)
def test_what_cannot_be_shown_is_left_out(change: dict[str, Any]) -> None:
    assert parse_news(feed(ARTICLE | change, ARTICLE), "AAPL") == parse_news(feed(ARTICLE), "AAPL")


def test_texts_are_plain_and_short() -> None:
    (article,) = parse_news(feed(ARTICLE | {"title": "a\u202e\x00\n b " + "word " * 200}), "AAPL")
    assert article.title.startswith("a b word")
    assert len(article.title) <= LONGEST_TITLE
    assert article.title.endswith("…")


def test_scores_that_are_none_and_an_article_without_any() -> None:
    sentiment = [{"ticker": "AAPL", "relevance_score": "much", "ticker_sentiment_score": "7"}]
    (strange, silent) = parse_news(
        feed(ARTICLE | {"ticker_sentiment": sentiment}, ARTICLE | {"ticker_sentiment": "x", "topics": 7}), "AAPL"
    )
    assert (strange.relevance, strange.tone) == (None, 1.0)
    assert (silent.relevance, silent.tone, silent.topics) == (None, None, ())


def test_no_articles() -> None:
    assert parse_news(feed(), "AAPL") == []
    assert parse_news(b'{"Information": "No articles found. Please adjust the time range."}', "AAPL") == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"Information": "We have detected your API key as X and our standard API rate limit is 25 a day"}',
         QuotaSpent),
        (b'{"Error Message": "the parameter apikey is invalid or missing"}', BadKey),
        (b"{", Malformed),
        (b'{"feed": {}}', Malformed),
        (b'{"feed": ["x"]}', Malformed),
    ],
)  # fmt: skip
def test_failures(body: bytes, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        parse_news(body, "AAPL")


@given(
    content=json_values
    | st.fixed_dictionaries({"feed": st.lists(st.dictionaries(st.sampled_from(sorted(ARTICLE)), json_values))})
)
def test_garbage_raises_nothing_but_the_parsers_own_error(content: object) -> None:
    with suppress(ProviderError):
        parse_news(json.dumps(content).encode(), "AAPL")


@given(st.text(), st.integers(1, 50))
def test_plain_text_is_one_short_line(text: str, longest: int) -> None:
    shown = plain(text, longest)
    assert len(shown) <= longest
    assert shown.isprintable()


@given(st.text() | st.integers())
def test_an_address_is_of_the_web_or_none(text: object) -> None:
    assert web_address(text) is None or str(text).lower().startswith("http")


async def test_it_asks_within_what_prices_leave_of_the_quota(server: Any, played: Any, tmp_path: Path) -> None:
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=("4/day",), premium=False)
    news = AlphaVantageNews(
        settings, Quota("alpha_vantage", ("4/day",), [LocalCounters(tmp_path)]), 5.0, quoted_tickers=1
    )
    server.play(played(feed(ARTICLE)))
    for _ in range(2):
        assert len(await news.articles("BRK.B")) == 1
    with pytest.raises(KeptForQuotes):
        await news.articles("BRK.B")
    await news.close()
    query = {"function": "NEWS_SENTIMENT", "tickers": "BRK-B", "sort": "LATEST", "limit": "50", "apikey": KEY}
    assert server.queries() == [query, query]
