"""Tiingo, played by a local server."""

import json
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

from configuration import Tiingo as Settings
from market.errors import BadKey, Malformed, NoData, ProviderError, QuotaSpent, UnknownTicker
from market.providers.chain import Chain
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import LocalCounters, Quota
from market.providers.tiingo import Tiingo, parse_daily, parse_quote, refusal
from market.series import Series
from market.splits import split_adjusted
from tests.market.breakers import state_of

KEY = "SECRETTOKEN"
NOW = datetime(2024, 6, 24, 15, 0, tzinfo=UTC)


def row(date: str, close: float, split: float = 1.0, dividend: float = 0.0, adjusted: float | None = None) -> Any:
    return {
        "date": f"{date}T00:00:00.000Z", "close": close, "high": close + 1, "low": close - 1, "open": close,
        "volume": 1000, "adjClose": adjusted or close, "adjHigh": 1.0, "adjLow": 1.0, "adjOpen": 1.0, "adjVolume": 1,
        "divCash": dividend, "splitFactor": split,
    }  # fmt: skip


DAILY = json.dumps([row("2020-08-28", 499.23, adjusted=121.0), row("2020-08-31", 129.04, 4.0, 0.2, 125.0)]).encode()
QUOTE = json.dumps([{
    "ticker": "IBM", "timestamp": "2024-06-24T10:28:57.053159184-04:00", "open": 174.69, "high": 178.46, "low": 174.31,
    "lastSaleTimestamp": "2024-06-24T10:28:57.053159-04:00", "tngoLast": 177.97, "last": 177.9, "volume": 39782,
    "prevClose": 172.46, "mid": None,
}]).encode()  # fmt: skip
HOUR_SPENT = (
    b'{"detail":"Error: You have run over your hourly request allocation. Please upgrade at '
    b'https://api.tiingo.com/pricing to have your limits increased."}'
)
DAY_SPENT = b'{"detail":"Error: You have run over your daily request allocation."}'
MONTH_SPENT = (
    b"You have run over your 500 symbol look up for this month. Please upgrade at https://api.tiingo.com/pricing"
)


@pytest.fixture
async def tiingo(server: Any, tmp_path: Path) -> AsyncIterator[Tiingo]:
    settings = Settings(base_url=server.url, api_key=SecretStr(KEY), quota=(), stream_url="ws://localhost")
    source = Tiingo(settings, Quota("tiingo", (), [LocalCounters(tmp_path)]), 5.0, pause=0.05)
    yield source
    await source.close()


async def test_a_whole_history_with_its_events(tiingo: Tiingo, server: Any, played: Any) -> None:
    server.play(played(DAILY))
    series = await tiingo.series("BRK.B")
    assert server.paths == ["/tiingo/daily/BRK-B/prices?startDate=1990-01-01&format=json"]
    assert server.headers[0]["Authorization"] == f"Token {KEY}"
    assert series.splits == {np.datetime64("2020-08-31"): 4.0}
    assert series.dividends == {np.datetime64("2020-08-31"): 0.2}
    assert series.adj_close is not None
    assert series.adj_close.tolist() == [121.0, 125.0]
    adjusted = split_adjusted(series, np.datetime64("2020-08-31"))
    assert adjusted.bars.close.tolist() == [499.23 / 4, 129.04]


async def test_a_tail(tiingo: Tiingo, server: Any, played: Any) -> None:
    server.play(played(DAILY))
    await tiingo.series("AAPL", np.datetime64("2020-08-28"))
    assert server.queries()[0]["startDate"] == "2020-08-28"


async def test_a_quote_leaves_out_the_volume_of_one_exchange(tiingo: Tiingo, server: Any, played: Any) -> None:
    server.play(played(QUOTE))
    quote = await tiingo.quote("IBM")
    assert (quote.price, quote.open, quote.high, quote.low, quote.volume) == (177.97, 174.69, 178.46, 174.31, None)
    assert quote.at == datetime(2024, 6, 24, 14, 28, 57, 53159, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (HOUR_SPENT, 429, QuotaSpent),
        (HOUR_SPENT, 200, QuotaSpent),
        (DAY_SPENT, 429, QuotaSpent),
        (MONTH_SPENT, 200, QuotaSpent),
        (b'{"detail":"Invalid token."}', 401, BadKey),
        (b'{"detail":"Authentication credentials were not provided."}', 403, BadKey),
        (b'{"detail":"Not found."}', 404, UnknownTicker),
        (b'{"detail":"Error: Ticker \'XYZ\' not found"}', 200, UnknownTicker),
        (b"[]", 200, NoData),
        (b'{"detail":"something new"}', 200, Malformed),
        (b"[1, 2]", 200, Malformed),
        (b"<html></html>", 200, Malformed),
        (json.dumps([row("2020-08-28", 10), row("2020-08-28", 10)]).encode(), 200, Malformed),
        (json.dumps([row("2020-08-28", -10)]).encode(), 200, Malformed),
        (json.dumps([row("2020-08-28", 10, split=-1)]).encode(), 200, Malformed),
        (json.dumps([row("yesterday", 10)]).encode(), 200, Malformed),
    ],
)
async def test_what_each_failing_answer_leads_to(
    tiingo: Tiingo, server: Any, played: Any, *, body: bytes, status: int, error: type
) -> None:
    server.play(played(body, status))
    with pytest.raises(error) as caught:
        await tiingo.series("XYZ")
    assert len(server.paths) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    # what the server does, requests it takes, whether Tiingo is then left alone
    ("answer", "requests", "state"),
    [
        pytest.param({"status": 503}, 3, "open", id="503"),
        pytest.param({"status": 429}, 2, "open", id="429"),
        pytest.param({"raw": b""}, 3, "open", id="dropped"),
        pytest.param({"delay": 30.0}, 1, "open", id="silent"),
        pytest.param({"body": HOUR_SPENT}, 1, "open", id="hour-spent"),
        pytest.param({"body": b'{"detail":"Invalid token."}', "status": 401}, 1, "open", id="bad-key"),
        pytest.param({"body": b"[]"}, 1, "closed", id="no-prices"),
        pytest.param({"body": b"<!DOCTYPE html><html></html>"}, 1, "closed", id="web-page"),
        pytest.param({"body": b"\x00\xffgarbage"}, 1, "closed", id="garbage"),
    ],
)
async def test_after_every_failure_the_next_provider_answers(
    tiingo: Tiingo,
    server: Any,
    played: Any,
    provider: Any,
    make_series: Any,
    *,
    answer: Any,
    requests: int,
    state: str,
) -> None:
    server.play(played(**answer))
    other = provider("yahoo", {"AAPL": make_series(source="yahoo"), "MSFT": make_series("MSFT", source="yahoo")})
    chain = Chain(
        [
            LimitedProvider(tiingo, ProviderCircuitBreaker("tiingo")),
            LimitedProvider(other, ProviderCircuitBreaker("yahoo")),
        ]
    )

    async def bars(ticker: str) -> Series:
        return await chain.first(ticker, "bars", chain.providers, lambda each: each.series(ticker))

    assert [(await bars(ticker)).source for ticker in ("AAPL", "MSFT")] == ["yahoo", "yahoo"]
    assert (state_of(chain, "tiingo"), state_of(chain, "yahoo")) == (state, "closed")
    assert len(server.paths) == (requests if state == "open" else 2 * requests)  # an open provider is not asked


def test_each_quota_has_its_reset() -> None:
    errors = [refusal(body) for body in (HOUR_SPENT, DAY_SPENT, MONTH_SPENT)]
    resets = [error.resets_at for error in errors if isinstance(error, QuotaSpent)]
    assert resets == sorted(resets)
    assert resets[0].minute == 0
    assert (resets[1].hour, resets[2].day) == (0, 1)


@pytest.mark.parametrize(
    "change", [{"tngoLast": None, "last": None}, {"lastSaleTimestamp": "soon"}, {"open": "x"}, {"tngoLast": -1.0}]
)
def test_a_quote_without_price_or_time_is_refused(change: dict[str, Any]) -> None:
    broken = json.dumps([json.loads(QUOTE)[0] | change]).encode()
    with pytest.raises(Malformed):
        parse_quote(broken, "IBM", NOW)


def test_the_last_price_serves_where_tiingos_own_is_missing() -> None:
    answer = json.loads(QUOTE)[0] | {"tngoLast": None, "lastSaleTimestamp": None, "open": None}
    quote = parse_quote(json.dumps([answer]).encode(), "IBM", NOW)
    assert (quote.price, quote.open) == (177.9, None)


values = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4)
near = st.fixed_dictionaries(
    {"date": st.dates().map(str) | values},
    optional={name: st.floats(0.1, 10) | values for name in row("2020-01-01", 1.0) if name != "date"}
    | {name: st.floats(0.1, 10) | values for name in ("tngoLast", "last")}
    | {"timestamp": st.datetimes().map(str) | values, "lastSaleTimestamp": values},
)


@given(st.lists(near, max_size=3) | st.dictionaries(st.text(max_size=6), values) | values)
def test_any_json_is_either_prices_or_a_typed_error(answer: Any) -> None:
    body = json.dumps(answer).encode()
    with suppress(ProviderError):
        assert len(parse_daily(body, "AAPL").bars)
    with suppress(ProviderError):
        assert parse_quote(body, "AAPL", NOW).price > 0


def test_a_quote_of_another_symbol_or_of_the_future_is_refused() -> None:
    now = datetime(2024, 3, 11, 15, 0, tzinfo=UTC)
    row = {"ticker": "ZZZZ", "tngoLast": 170.0, "timestamp": "2024-03-11T14:59:00+00:00"}
    with pytest.raises(Malformed, match="another symbol than NVDA"):
        parse_quote(json.dumps([row]).encode(), "NVDA", now)
    row |= {"ticker": "nvda", "timestamp": "2024-03-11T16:00:00+00:00"}
    with pytest.raises(Malformed, match="which has not come"):
        parse_quote(json.dumps([row]).encode(), "NVDA", now)
    row["timestamp"] = "2024-03-11T15:01:00+00:00"  # a clock that is a little ahead
    assert parse_quote(json.dumps([row]).encode(), "NVDA", now).at == now
