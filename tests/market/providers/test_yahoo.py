"""Yahoo through the real yfinance in its process, with a local server in Yahoo's place."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yfinance
from hypothesis import given
from hypothesis import strategies as st

from market.calendar.sessions import Sessions
from market.errors import Malformed, NoData, ProviderError, TooFast, UnknownTicker, Unreachable
from market.providers import yahoo_worker
from market.providers.quotas.quota import LocalCounters, Quota
from market.providers.yahoo import Yahoo, parse_quote, parse_series
from market.series import Adjustment
from tests.patience import PATIENT

SESSIONS = ["2020-08-27", "2020-08-28", "2020-08-31"]
NOW = datetime(2020, 9, 1, 2, 0, tzinfo=UTC)


def chart(symbol: str = "AAPL") -> bytes:
    """An answer of Yahoo's chart interface around a split."""
    opened = [int(datetime.fromisoformat(f"{day}T13:30:00+00:00").timestamp()) for day in SESSIONS]
    prices = [125.0, 126.0, 129.0]
    meta = {
        "currency": "USD", "symbol": symbol, "exchangeName": "NMS", "instrumentType": "EQUITY",
        "firstTradeDate": 345479400, "regularMarketTime": opened[-1] + 23400, "gmtoffset": -14400, "timezone": "EDT",
        "exchangeTimezoneName": "America/New_York", "regularMarketPrice": 129.0, "priceHint": 2,
        "dataGranularity": "1d", "range": "", "validRanges": ["1d", "5d", "max"],
        "currentTradingPeriod": {"regular": {"start": 1598880600, "end": 1598904000, "timezone": "E", "gmtoffset": 0}},
    }  # fmt: skip
    quote = {
        "open": prices, "high": [p + 1 for p in prices], "low": [p - 1 for p in prices], "close": prices,
        "volume": [1000, 2000, 3000],
    }  # fmt: skip
    events = {"splits": {str(opened[-1]): {"date": opened[-1], "numerator": 4, "denominator": 1, "splitRatio": "4:1"}}}
    result = {
        "meta": meta, "timestamp": opened, "events": events,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [120.0, 121.0, 124.0]}]},
    }  # fmt: skip
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


@pytest.fixture
async def yahoo(server: Any, played: Any, sessions: Sessions, tmp_path: Path) -> AsyncIterator[Yahoo]:
    server.routes = {"getcrumb": played(b"crumb"), "BRK-B": played(chart("BRK-B"))}
    server.play(played(chart()))
    quota = Quota("yahoo", (), [LocalCounters(tmp_path)])
    source = Yahoo(server.url, quota, sessions, timeout=PATIENT, home=tmp_path, start_timeout=PATIENT)
    yield source
    await source.close()


@pytest.mark.slow
async def test_one_process_answers_question_after_question(yahoo: Yahoo, server: Any, played: Any) -> None:
    series = await yahoo.series("AAPL")
    assert series.bars.session.astype(str).tolist() == SESSIONS
    assert series.bars.close.tolist() == [125.0, 126.0, 129.0]
    assert series.adjustment is Adjustment.SPLIT
    assert series.splits == {np.datetime64("2020-08-31"): 4.0}
    assert series.adj_close is not None
    quote = await yahoo.quote("BRK.B")
    assert (quote.price, quote.high, quote.volume) == (129.0, 130.0, 3000.0)
    assert quote.at == datetime(2020, 8, 31, 20, 0, tzinfo=UTC)
    assert any("/v8/finance/chart/BRK-B" in path for path in server.paths)
    server.play(played(b"Too Many Requests", 429))
    with pytest.raises(TooFast):
        await yahoo.series("AAPL", np.datetime64("2020-08-28"))
    server.play(played(b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}', 404))
    with pytest.raises(UnknownTicker):
        await yahoo.series("NOPE")


@pytest.mark.filterwarnings("ignore")  # of yfinance and what it uses; in its own process nobody sees them
def test_what_the_process_makes_of_each_answer(server: Any, played: Any, tmp_path: Path) -> None:
    server.routes = {"getcrumb": played(b"crumb")}
    yfinance.set_tz_cache_location(str(tmp_path))
    session = yahoo_worker.session_for(server.url)
    question = {"ticker": "AAPL", "since": None, "timeout": 5}
    server.play(played(chart()))
    rows = yahoo_worker.answer(question, session)["rows"]
    assert [row["close"] for row in rows] == [125.0, 126.0, 129.0]
    assert [row["split"] for row in rows] == [0.0, 0.0, 4.0]
    for answer, kind in (
        (played(b"Too Many Requests", 429), "too_fast"),
        (played(b"{}", 404), "unknown"),
        (played(b"", 500), "unreachable"),
    ):
        server.play(answer)
        assert yahoo_worker.answer(question | {"ticker": "NOPE"}, session) == {"error": kind}
    assert yahoo_worker.session_for(yahoo_worker.DEFAULT_BASE_URL) is None


@pytest.mark.slow
async def test_a_silent_yahoo_costs_the_time_out(server: Any, played: Any, sessions: Sessions, tmp_path: Path) -> None:
    server.play(played(delay=60))
    silent = Yahoo(
        server.url,
        Quota("yahoo", (), [LocalCounters(tmp_path)]),
        sessions,
        timeout=0.3,
        home=tmp_path,
        start_timeout=PATIENT,
    )
    with pytest.raises(Unreachable, match=r"no answer for AAPL within 0\.3 s"):
        await silent.series("AAPL")
    await silent.close()


async def test_a_process_that_does_not_start_is_unreachable(sessions: Sessions, tmp_path: Path) -> None:
    quota = Quota("yahoo", (), [LocalCounters(tmp_path)])
    broken = Yahoo("http://127.0.0.1:1", quota, sessions, timeout=1, home=tmp_path, python="/bin/false")
    with pytest.raises(Unreachable, match="is the group `yahoo` installed"):
        await broken.quote("AAPL")


def test_it_is_known_whether_yfinance_is_installed() -> None:
    assert Yahoo.installed()


def rows(**changed: Any) -> bytes:
    row = {
        "date": "2020-08-31", "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "adj_close": 1.4, "volume": 5,
        "split": 0.0, "dividend": 0.0,
    }  # fmt: skip
    return json.dumps({"symbol": "AAPL", "currency": "USD", "rows": [row | changed]}).encode()


def test_a_quote_of_the_running_session_is_of_now(sessions: Sessions) -> None:
    running = datetime(2020, 8, 31, 15, 0, tzinfo=UTC)
    assert parse_quote(rows(), "AAPL", "USD", sessions, running).at == running
    assert parse_quote(rows(), "AAPL", "USD", sessions, running + timedelta(days=1)).at == datetime(
        2020, 8, 31, 20, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error": "unknown"}', UnknownTicker),
        (b'{"error": "no_data"}', NoData),
        (b'{"error": "too_fast"}', TooFast),
        (b'{"error": "unreachable"}', Unreachable),
        (b'{"error": "anything else"}', Unreachable),
        (b'{"rows": []}', NoData),
        (b'{"rows": [1]}', Malformed),
        (b"[]", Malformed),
        (b"nonsense", Malformed),
        (rows(high=0.1), Malformed),
        (rows(split=-2), Malformed),
        (rows(adj_close=None), Malformed),
    ],
)
def test_what_each_answer_of_the_process_means(body: bytes, error: type) -> None:
    with pytest.raises(error):
        parse_series(body, "AAPL", "USD")


@pytest.mark.parametrize(
    ("ticker", "currency", "message"),
    [("NVDA", "USD", "another symbol than NVDA"), ("AAPL", "EUR", "another currency than EUR")],
)
def test_an_answer_about_something_else_is_refused(ticker: str, currency: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_series(rows(), ticker, currency)


def test_a_price_of_the_future_is_refused(sessions: Sessions) -> None:
    with pytest.raises(Malformed, match="which has not come"):
        parse_quote(rows(), "AAPL", "USD", sessions, datetime(2020, 8, 28, 15, 0, tzinfo=UTC))


values = st.none() | st.floats() | st.integers() | st.text(max_size=3)
answers = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["date", "open", "high", "low", "close", "adj_close", "volume", "split", "dividend"], values
    ),
)


@given(st.dictionaries(st.sampled_from(["rows", "error"]), st.lists(answers | values, max_size=3) | values) | values)
def test_any_json_is_either_prices_or_a_typed_error(sessions: Sessions, answer: Any) -> None:
    body = json.dumps(answer).encode()
    with suppress(ProviderError):
        assert len(parse_series(body, "AAPL", "USD").bars)
    with suppress(ProviderError):
        assert parse_quote(body, "AAPL", "USD", sessions, NOW).price > 0
