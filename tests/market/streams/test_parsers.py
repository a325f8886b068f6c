"""The parsers read what providers send, and raise nothing but their own errors whatever arrives."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.errors import BadKey, ConnectionLimit, Malformed, PremiumOnly, ProviderError, Unreachable
from market.streams.alpaca import AlpacaStream
from market.streams.price_stream import PriceStream, Step, Tick
from market.streams.tiingo import TiingoStream
from tests.market.streams.servers import price_message

NOW = datetime(2026, 11, 25, 16, tzinfo=UTC)
TIINGO = TiingoStream("ws://localhost", "KEY", ("AAPL", "BRK.B"))
ALPACA = AlpacaStream("ws://localhost", "KEY", "SECRET", ("AAPL", "BRK.B", "MSFT"), 2)
STREAMS = (TIINGO, ALPACA)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
some_words = st.sampled_from(
    ["A", "I", "H", "E", "t", "success", "subscription", "error", "aapl", "AAPL", "connected", NOW.isoformat()]
)
values = json_values | some_words
tiingo_messages = st.fixed_dictionaries(
    {},
    optional={
        "messageType": some_words | json_values,
        "data": st.lists(values, min_size=3, max_size=3) | values,
        "response": st.fixed_dictionaries({}, optional={"code": values}) | values,
    },
)
alpaca_messages = st.lists(
    st.fixed_dictionaries(
        {}, optional={"T": values, "S": values, "p": values, "t": values, "msg": values, "code": values}
    )
    | values,
    max_size=3,
)


def read(stream: PriceStream, content: object) -> list[Any]:
    return stream.parse(json.dumps(content), NOW)


def test_prices_of_tiingo_with_time_zone_and_nanoseconds() -> None:
    data = ["2019-02-14T12:17:19.342553795-05:00", "brk-b", 274.595]
    at = datetime(2019, 2, 14, 17, 17, 19, 342553, tzinfo=UTC)
    assert read(TIINGO, {"messageType": "A", "service": "iex", "data": data}) == [Tick("BRK.B", 274.595, at)]
    assert read(TIINGO, {"messageType": "A", "service": "iex", "data": [data[0], "spy", 1]}) == []


def test_what_else_tiingo_says() -> None:
    accepted = {"messageType": "I", "data": {"subscriptionId": 13706}, "response": {"code": 200, "message": "Success"}}
    assert read(TIINGO, accepted) == [Step.SUBSCRIBED]
    assert read(TIINGO, {"messageType": "H", "response": {"code": 200, "message": "HeartBeat"}}) == [Step.HEARTBEAT]


def test_several_trades_of_alpaca_in_one_message() -> None:
    trades = [
        {"T": "t", "S": "AAPL", "i": 1, "x": "V", "p": 170.5, "s": 3, "t": "2021-02-22T15:51:44.208Z", "c": ["@"]},
        {"T": "q", "S": "AAPL"},
        {"T": "t", "S": "BRK.B", "p": 400, "t": "2021-02-22T15:51:44.208123456Z"},
        {"T": "t", "S": "MSFT", "p": 1, "t": "2021-02-22T15:51:44.208Z"},
    ]
    at = datetime(2021, 2, 22, 15, 51, 44, 208000, tzinfo=UTC)
    more = at + timedelta(microseconds=123)
    assert read(ALPACA, trades) == [Tick("AAPL", 170.5, at), Tick("BRK.B", 400, more)]


def test_what_else_alpaca_says() -> None:
    assert read(ALPACA, [{"T": "success", "msg": "connected"}]) == [Step.CONNECTED]
    assert read(ALPACA, [{"T": "success", "msg": "authenticated"}]) == [Step.AUTHENTICATED]
    assert read(ALPACA, [{"T": "subscription", "trades": ["AAPL"]}]) == [Step.SUBSCRIBED]


@pytest.mark.parametrize(
    ("stream", "content", "error"),
    [
        (TIINGO, {"messageType": "E", "response": {"code": 403}}, BadKey),
        (TIINGO, {"messageType": "E", "response": {"code": 500, "message": "THEKEY"}}, Unreachable),
        (TIINGO, {"messageType": "E"}, Unreachable),
        (ALPACA, [{"T": "error", "code": 402, "msg": "auth failed"}], BadKey),
        (ALPACA, [{"T": "error", "code": 404, "msg": "auth timeout"}], Unreachable),
        (ALPACA, [{"T": "error", "code": 405, "msg": "symbol limit exceeded"}], PremiumOnly),
        (ALPACA, [{"T": "error", "code": 406, "msg": "connection limit exceeded"}], ConnectionLimit),
        (ALPACA, [{"T": "error", "code": 409, "msg": "insufficient subscription"}], PremiumOnly),
        (ALPACA, [{"T": "error", "code": 500, "msg": "THEKEY"}], Unreachable),
    ],
)
def test_refusals(stream: PriceStream, content: object, error: type[ProviderError]) -> None:
    with pytest.raises(error) as raised:
        read(stream, content)
    assert "THEKEY" not in str(raised.value)


@pytest.mark.parametrize("provider", ["tiingo", "alpaca"])
@pytest.mark.parametrize(
    ("price", "at"),
    [(0, NOW), (-1, NOW), (float("nan"), NOW), (float("inf"), NOW), (1, NOW + timedelta(hours=1))],
)
def test_impossible_prices(provider: str, price: float, at: datetime) -> None:
    stream = TIINGO if provider == "tiingo" else ALPACA
    with pytest.raises(Malformed):
        stream.parse(price_message(provider, "AAPL", price, at), NOW)


@given(message=st.binary(max_size=200) | st.text(max_size=200))
def test_garbage_raises_nothing_but_the_parsers_own_error(message: str | bytes) -> None:
    for stream in STREAMS:
        check(stream, message)


@given(content=json_values | tiingo_messages | alpaca_messages)
def test_neither_do_wrong_types_in_the_right_places(content: object) -> None:
    for stream in STREAMS:
        check(stream, json.dumps(content))


@given(provider=st.sampled_from(["tiingo", "alpaca"]), length=st.integers(0, 200))
def test_neither_do_half_messages(provider: str, length: int) -> None:
    check(TIINGO if provider == "tiingo" else ALPACA, price_message(provider, "AAPL", 170.5, NOW)[:length])


def check(stream: PriceStream, message: str | bytes) -> None:
    try:
        events = stream.parse(message, NOW)
    except ProviderError:
        return
    for event in events:
        assert isinstance(event, Step) or (0 < event.price < float("inf") and event.at.tzinfo is UTC)
