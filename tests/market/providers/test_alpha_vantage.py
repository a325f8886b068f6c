"""Alpha Vantage, played byte for byte by a local server: what each answer leads to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from configuration import AlphaVantage as Settings
from market.calendar.sessions import Sessions
from market.errors import (
    BadKey,
    Malformed,
    NoData,
    NoPrices,
    PremiumOnly,
    ProviderError,
    QuotaSpent,
    TooFast,
    UnknownTicker,
    Unreachable,
)
from market.providers.alpha_vantage import AlphaVantage, parse_daily, parse_quote, parse_splits
from market.providers.chain import Chain
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import LocalCounters, Quota, Usage
from market.quotes.quote import Quote
from market.series import Adjustment
from tests.market.breakers import state_of

KEY = "SECRETKEY123"
NOW = datetime(2024, 11, 25, 15, 0, tzinfo=UTC)
TIMEOUT = 3.0

DAILY = (
    b'{"Meta Data":{"1. Information":"Daily Prices (open, high, low, close) and Volumes","2. Symbol":"IBM",'
    b'"3. Last Refreshed":"2024-11-22","4. Output Size":"Compact","5. Time Zone":"US/Eastern"},'
    b'"Time Series (Daily)":{"2024-11-22":{"1. open":"223.3500","2. high":"227.2000","3. low":"220.8900",'
    b'"4. close":"222.9700","5. volume":"5320740"},"2024-11-21":{"1. open":"215.1400","2. high":"222.8000",'
    b'"3. low":"213.9500","4. close":"222.4000","5. volume":"5532196"}}}'
)
ADJUSTED = (
    b'{"Time Series (Daily)":{"2020-08-31":{"1. open":"127.58","2. high":"131.0","3. low":"126.0","4. close":"129.04",'
    b'"5. adjusted close":"126.5","6. volume":"225702700","7. dividend amount":"0.0000","8. split coefficient":"4.0"},'
    b'"2020-08-28":{"1. open":"504.05","2. high":"505.77","3. low":"498.31","4. close":"499.23",'
    b'"5. adjusted close":"122.35","6. volume":"46907479","7. dividend amount":"0.8200","8. split coefficient":"1.0"}}}'
)
QUOTE = (
    b'{"Global Quote":{"01. symbol":"MSFT","02. open":"112.6300","03. high":"113.1700","04. low":"110.6400",'
    b'"05. price":"112.1300","06. volume":"29062853","07. latest trading day":"2018-10-05",'
    b'"08. previous close":"112.7900","09. change":"-0.6600","10. change percent":"-0.5852%"}}'
)
SPLITS = b'{"symbol":"AAPL","data":[{"effective_date":"2020-08-31","split_factor":"4.0000"}]}'

TOO_FAST = (
    b'{"Information": "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more '
    b"sparingly (1 request per second). You may subscribe to any of the premium plans to lift the free key rate limit "
    b'(25 requests per day), raise the per-second burst limit, and instantly unlock all premium endpoints"}'
)
DAY_SPENT = (
    b'{"Information": "We have detected your API key as SECRETKEY123 and our standard API rate limit is 25 requests '
    b'per day. Please subscribe to any of the premium plans to instantly remove all daily rate limits."}'
)
PREMIUM = b'{"Information": "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe ..."}'
PREMIUM_FEATURE = b'{"Information": "The outputsize=full parameter value is a premium feature for this endpoint."}'
DEMO = b'{"Information": "The **demo** API key is for demo purposes only. Please claim your free API key"}'
INVALID_CALL = b'{"Error Message": "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY."}'
INVALID_KEY = b'{"Error Message": "the parameter apikey is invalid or missing. Please claim your free API key"}'
OLD_NOTE = b'{"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}'
UNKNOWN_SENTENCE = b'{"Information": "We are moving house."}'

FAILURES = [
    # body, error, requests it takes, whether the provider is then left alone
    pytest.param(TOO_FAST, TooFast, 2, "open", id="too-fast"),
    pytest.param(DAY_SPENT, QuotaSpent, 1, "open", id="day-spent"),
    pytest.param(PREMIUM, PremiumOnly, 1, "closed", id="premium"),
    pytest.param(PREMIUM_FEATURE, PremiumOnly, 1, "closed", id="premium-feature"),
    pytest.param(DEMO, BadKey, 1, "open", id="demo-key"),
    pytest.param(INVALID_CALL, UnknownTicker, 1, "closed", id="invalid-call"),
    pytest.param(INVALID_KEY, BadKey, 1, "open", id="invalid-key"),
    pytest.param(OLD_NOTE, TooFast, 2, "open", id="old-note"),
    pytest.param(b"{}", UnknownTicker, 1, "closed", id="empty"),
    pytest.param(b'{"Global Quote": {}}', UnknownTicker, 1, "closed", id="empty-quote"),
    pytest.param(UNKNOWN_SENTENCE, NoData, 1, "closed", id="unknown-sentence"),
    pytest.param(b"<!DOCTYPE html><html>challenge</html>", Malformed, 1, "closed", id="web-page"),
    pytest.param(b"\x00\xffgarbage", Malformed, 1, "closed", id="garbage"),
    pytest.param(b"[]", Malformed, 1, "closed", id="other-json"),
    pytest.param(b'{"Global Quote": {"05. price": "abc"}}', Malformed, 1, "closed", id="no-number"),
]

TRANSPORT = [
    # what the server does, error, requests it takes, whether the provider is then left alone
    pytest.param({"status": 500}, Unreachable, 3, "open", id="500"),
    pytest.param({"status": 503}, Unreachable, 3, "open", id="503"),
    pytest.param({"status": 429}, TooFast, 2, "open", id="429"),
    pytest.param({"status": 429, "headers": (("Retry-After", "3600"),)}, QuotaSpent, 1, "open", id="429-an-hour"),
    pytest.param({"status": 401}, BadKey, 1, "open", id="401"),
    pytest.param({"status": 402}, PremiumOnly, 1, "closed", id="402"),
    pytest.param({"status": 403}, BadKey, 1, "open", id="403"),
    pytest.param({"status": 404}, UnknownTicker, 1, "closed", id="404"),
    pytest.param({"status": 418}, Malformed, 1, "closed", id="418"),
    pytest.param({"status": 302, "headers": (("Location", "/elsewhere"),)}, Malformed, 1, "closed", id="302"),
    pytest.param({"raw": b""}, Unreachable, 3, "open", id="dropped"),
    pytest.param({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"}, Unreachable, 3, "open", id="cut-off"),
    pytest.param({"raw": b"\x16\x03\x01 what is this"}, Unreachable, 3, "open", id="no-http"),
    pytest.param({"delay": 5.0}, Unreachable, 1, "open", id="silent"),
    pytest.param(
        {"headers": (("Content-Encoding", "gzip"),), "body": b"no gzip"}, Malformed, 1, "closed", id="bad-encoding"
    ),
]


@pytest.fixture
async def alpha(server: Any, sessions: Sessions, tmp_path: Path) -> AsyncIterator[AlphaVantage]:
    settings = Settings(base_url=f"{server.url}/query", api_key=SecretStr(KEY), quota=(), premium=False)
    quota = Quota("alpha_vantage", (), [LocalCounters(tmp_path)])
    source = AlphaVantage(settings, quota, sessions, TIMEOUT, pause=0.05)
    yield source
    await source.close()


async def outcome(alpha: AlphaVantage, server: Any, what: str) -> tuple[ProviderError, int, str]:
    """What one question led to: the error, the number of requests and the provider's state."""
    guard = ProviderCircuitBreaker("alpha_vantage")
    with pytest.raises(ProviderError) as caught, guard.asking("MSFT", what):
        await (alpha.quote("MSFT") if what == "quote" else alpha.series("MSFT"))
    return caught.value, len(server.paths), guard.state


@pytest.mark.parametrize(("body", "error", "requests", "state"), FAILURES)
async def test_what_each_failing_answer_leads_to(
    alpha: AlphaVantage, server: Any, played: Any, *, body: bytes, error: type, requests: int, state: str
) -> None:
    server.play(played(body))
    raised, asked, guarded = await outcome(alpha, server, "quote")
    assert (type(raised), asked, guarded) == (error, requests, state)
    assert KEY not in str(raised)
    assert "\n" not in str(raised)


@pytest.mark.parametrize(("answer", "error", "requests", "state"), TRANSPORT)
async def test_what_each_broken_connection_leads_to(
    alpha: AlphaVantage, server: Any, played: Any, *, answer: dict[str, Any], error: type, requests: int, state: str
) -> None:
    server.play(played(**answer))
    started = time.monotonic()
    raised, asked, guarded = await outcome(alpha, server, "bars")
    assert (type(raised), asked, guarded) == (error, requests, state)
    assert time.monotonic() - started < TIMEOUT + 10
    assert KEY not in str(raised)


@pytest.mark.parametrize(
    ("body", "requests", "state"), [pytest.param(each.values[0], *each.values[2:], id=each.id) for each in FAILURES]
)
async def test_after_every_failing_answer_the_next_provider_answers(
    alpha: AlphaVantage, server: Any, played: Any, provider: Any, *, body: bytes, requests: int, state: str
) -> None:
    server.play(played(body))
    quote = Quote("MSFT", 410.0, NOW, "tiingo")
    tiingo = provider("tiingo", {}, {"MSFT": quote, "AAPL": quote})
    chain = Chain(
        [
            LimitedProvider(alpha, ProviderCircuitBreaker("alpha_vantage")),
            LimitedProvider(tiingo, ProviderCircuitBreaker("tiingo")),
        ]
    )
    answer = await chain.first("MSFT", "quote", chain.providers, lambda each: each.quote("MSFT"))
    assert answer is quote
    assert (state_of(chain, "alpha_vantage"), state_of(chain, "tiingo")) == (state, "closed")
    await chain.first("AAPL", "quote", chain.providers, lambda each: each.quote("AAPL"))
    assert len(server.paths) == (requests if state == "open" else 2 * requests)  # an open provider is not asked


@pytest.mark.parametrize("failure", [{"status": 500}, {"raw": b""}, {"body": TOO_FAST}])
async def test_a_passing_failure_is_survived(alpha: AlphaVantage, server: Any, played: Any, failure: Any) -> None:
    server.play(played(**failure), played(QUOTE))
    assert (await alpha.quote("MSFT")).price == 112.13
    assert len(server.paths) == 2


async def test_nobody_there_is_unreachable(sessions: Sessions, tmp_path: Path) -> None:
    settings = Settings(base_url="http://127.0.0.1:1/query", api_key=SecretStr(KEY), quota=(), premium=False)
    alone = AlphaVantage(settings, Quota("alpha_vantage", (), [LocalCounters(tmp_path)]), sessions, TIMEOUT)
    with pytest.raises(Unreachable, match="no answer for AAPL"):
        await alone.quote("AAPL")
    await alone.close()


async def test_retries_are_counted_too(server: Any, played: Any, sessions: Sessions, tmp_path: Path) -> None:
    server.play(played(status=500))
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=("25/day",), premium=False)
    quota = Quota("alpha_vantage", settings.quota, [LocalCounters(tmp_path)])
    alpha = AlphaVantage(settings, quota, sessions, TIMEOUT)
    chain = Chain([LimitedProvider(alpha, ProviderCircuitBreaker("alpha_vantage"), quota)])
    with pytest.raises(NoPrices):
        await chain.first("MSFT", "quote", chain.providers, lambda provider: provider.quote("MSFT"))
    assert await chain.usage() == {"alpha_vantage": Usage(3, 25)}
    assert state_of(chain, "alpha_vantage") == "open"
    await chain.close()


async def test_a_quote(alpha: AlphaVantage, server: Any, played: Any) -> None:
    server.play(played(QUOTE))
    quote = await alpha.quote("MSFT")
    assert (quote.price, quote.open, quote.high, quote.low, quote.volume) == (112.13, 112.63, 113.17, 110.64, 29062853)
    assert quote.at == datetime(2018, 10, 5, 20, 0, tzinfo=UTC)
    assert server.queries() == [{"function": "GLOBAL_QUOTE", "symbol": "MSFT", "apikey": KEY}]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2018, 10, 5, 15, 0, tzinfo=UTC), datetime(2018, 10, 5, 15, 0, tzinfo=UTC)),  # its session runs
        (datetime(2018, 10, 8, 15, 0, tzinfo=UTC), datetime(2018, 10, 5, 20, 0, tzinfo=UTC)),
    ],
)
def test_the_time_of_a_quote(sessions: Sessions, now: datetime, expected: datetime) -> None:
    assert parse_quote(QUOTE, "MSFT", sessions, now).at == expected


def test_a_quote_of_tomorrow_is_refused(sessions: Sessions) -> None:
    with pytest.raises(Malformed, match="2018-10-05, which has not begun"):
        parse_quote(QUOTE, "MSFT", sessions, datetime(2018, 10, 4, 15, 0, tzinfo=UTC))


async def test_a_free_key_gives_the_last_sessions_as_traded(alpha: AlphaVantage, server: Any, played: Any) -> None:
    server.play(played(DAILY))
    series = await alpha.series("IBM", np.datetime64("2024-11-01"))
    assert series.bars.session.astype(str).tolist() == ["2024-11-21", "2024-11-22"]
    assert series.bars.close.tolist() == [222.4, 222.97]
    assert series.adjustment is Adjustment.TRADED
    assert not alpha.full_history
    assert [query["function"] for query in server.queries()] == ["TIME_SERIES_DAILY"]
    assert server.queries()[0]["outputsize"] == "compact"


async def test_splits_are_asked_for_only_when_one_may_hide(alpha: AlphaVantage, server: Any, played: Any) -> None:
    answer = json.loads(ADJUSTED)
    for row in answer["Time Series (Daily)"].values():
        for extra in ("5. adjusted close", "7. dividend amount", "8. split coefficient"):
            del row[extra]
        row["5. volume"] = row.pop("6. volume")
    server.play(played(json.dumps(answer).encode()), played(SPLITS))
    series = await alpha.series("AAPL")
    assert series.splits == {np.datetime64("2020-08-31"): 4.0}
    assert [query["function"] for query in server.queries()] == ["TIME_SERIES_DAILY", "SPLITS"]


@pytest.mark.parametrize(("since", "size"), [(None, "full"), ("2020-01-01", "full"), ("today", "compact")])
async def test_a_paid_key_gives_whole_histories_with_events(
    server: Any, played: Any, sessions: Sessions, tmp_path: Path, *, since: str | None, size: str
) -> None:
    server.play(played(ADJUSTED))
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=(), premium=True)
    paid = AlphaVantage(settings, Quota("alpha_vantage", (), [LocalCounters(tmp_path)]), sessions, TIMEOUT)
    series = await paid.series("AAPL", None if since is None else np.datetime64(since, "D"))
    assert server.queries()[0]["function"] == "TIME_SERIES_DAILY_ADJUSTED"
    assert server.queries()[0]["outputsize"] == size
    assert series.splits == {np.datetime64("2020-08-31"): 4.0}
    assert series.dividends == {np.datetime64("2020-08-28"): 0.82}
    assert series.adj_close is not None
    assert series.adj_close.tolist() == [122.35, 126.5]
    assert paid.full_history
    await paid.close()


def test_a_client_serves_one_event_loop_after_another(
    server: Any, played: Any, sessions: Sessions, tmp_path: Path
) -> None:
    server.play(played(QUOTE))
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=(), premium=True)
    alpha = AlphaVantage(settings, Quota("alpha_vantage", (), [LocalCounters(tmp_path)]), sessions, TIMEOUT)

    async def ask() -> Quote:
        try:
            return await alpha.quote("MSFT")
        finally:
            await alpha.close()

    assert asyncio.run(ask()).price == asyncio.run(ask()).price == 112.13


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([
    "1. open", "2. high", "3. low", "4. close", "5. volume", "05. price", "07. latest trading day", "02. open",
    "03. high", "04. low", "06. volume", "5. adjusted close", "8. split coefficient", "7. dividend amount", "data",
    "effective_date", "split_factor",
])  # fmt: skip
texts = st.sampled_from(["1.0", "2", "-1", "0", "nan", "inf", "1e400", "2024-11-22", "2024-99-99", "", "x"])
rows = st.dictionaries(fields, texts | json_values, max_size=9)
tables = st.dictionaries(
    st.sampled_from(["Time Series (Daily)", "Global Quote", "Information", "Note", "data", "Error Message"]),
    rows | st.dictionaries(st.dates().map(str) | st.text(max_size=4), rows, max_size=4) | st.lists(rows) | texts,
    max_size=3,
)
columns = ("1. open", "2. high", "3. low", "4. close", "5. volume")
good_rows = st.fixed_dictionaries({column: st.floats(0.5, 2.0).map(str) for column in columns})
good = st.dictionaries(st.dates().map(str), good_rows | rows, max_size=4).map(
    lambda days: {"Time Series (Daily)": days}
)


@given(tables | json_values | good)
def test_any_json_is_either_prices_or_a_typed_error(sessions: Sessions, answer: Any) -> None:
    body = json.dumps(answer).encode()
    with suppress(ProviderError):
        assert len(parse_daily(body, "MSFT").bars)
    with suppress(ProviderError):
        assert parse_quote(body, "MSFT", sessions, NOW).price > 0
    with suppress(ProviderError):
        assert all(ratio > 0 for ratio in parse_splits(body, "MSFT").values())


@given(st.binary(max_size=60))
def test_any_bytes_are_either_prices_or_a_typed_error(body: bytes) -> None:
    with pytest.raises(ProviderError):
        parse_daily(body, "MSFT")


def test_an_answer_about_another_symbol_is_refused(sessions: Sessions) -> None:
    with pytest.raises(Malformed, match="answered about another symbol than NVDA"):
        parse_quote(QUOTE, "NVDA", sessions, NOW)
    with pytest.raises(Malformed, match="another symbol"):
        parse_daily(DAILY, "NVDA")
    with pytest.raises(Malformed, match="another symbol"):
        parse_splits(SPLITS, "NVDA")


def test_a_class_of_shares_may_be_written_in_either_way(sessions: Sessions) -> None:
    written = QUOTE.replace(b'"MSFT"', b'"BRK-B"')
    assert parse_quote(written, "BRK.B", sessions, NOW).price == 112.13
