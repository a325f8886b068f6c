"""A streamed price serves first while it may; in every other case quotes are asked for as ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from market.errors import Unreachable
from market.quotes.quote import Quote

NOON = datetime(2024, 3, 12, 16, 0, tzinfo=UTC)
DOWN = Unreachable("no answer")


class Streamed:
    """Streams that have one price of each ticker."""

    def __init__(self) -> None:
        self.prices: dict[str, Quote] = {}

    def latest(self, ticker: str) -> Quote | None:
        return self.prices.get(ticker)

    def on_price(self, tell: object) -> None:
        pass

    async def run(self) -> None:
        pass

    def has(self, price: float, at: datetime, fetched_at: datetime, source: str = "tiingo") -> None:
        self.prices["AAPL"] = Quote("AAPL", price, at, source, fetched_at=fetched_at)


@pytest.fixture
def streamed() -> Streamed:
    return Streamed()


@pytest.fixture
def polled(provider: Any, make_series: Any, clock: Any) -> Any:
    """A provider that quotes 101, and a clock that stands within a session."""
    clock.forward((NOON - clock.moment).total_seconds())
    return provider("tiingo", {"AAPL": make_series()}, {"AAPL": Quote("AAPL", 101.0, NOON, "tiingo")})


async def test_it_serves_first_and_says_its_time_and_source(
    make_market: Any, polled: Any, streamed: Streamed, clock: Any
) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(102.0, NOON - timedelta(seconds=2), NOON, "alpaca")
    quote = await market.quote("AAPL")
    assert (quote.price, quote.source, quote.at, quote.stale) == (102.0, "alpaca", NOON - timedelta(seconds=2), False)
    assert quote.expires_at == NOON + timedelta(seconds=1)
    clock.forward(1)
    streamed.has(103.0, NOON, clock.moment)
    assert (await market.quote("AAPL")).price == 103.0
    assert polled.count("quote") == 0


async def test_its_last_second_is_shorter(make_market: Any, polled: Any, streamed: Streamed) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(102.0, NOON, NOON - timedelta(seconds=299.5))
    assert (await market.quote("AAPL")).expires_at == NOON + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("price", "at", "fetched_at"),
    [
        pytest.param(160.0, NOON, NOON, id="an outlier"),
        pytest.param(102.0, NOON, NOON - timedelta(seconds=301), id="too old"),
        pytest.param(102.0, NOON, NOON + timedelta(hours=1), id="come before the clock was set back"),
        pytest.param(102.0, NOON - timedelta(days=1), NOON, id="of an earlier session"),
    ],
)
async def test_what_may_not_be_shown_is_asked_for(
    make_market: Any, polled: Any, streamed: Streamed, price: float, at: datetime, fetched_at: datetime
) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(price, at, fetched_at)
    assert (await market.quote("AAPL")).price == 101.0
    assert polled.count("quote") == 1


async def test_an_outlier_is_logged_once(make_market: Any, polled: Any, streamed: Streamed) -> None:
    market = make_market(polled, streams=streamed)
    with capture_logs() as logs:
        for price in (160.0, 161.0):
            streamed.has(price, NOON, NOON)
            await market.quote("AAPL")
    assert [line["ticker"] for line in logs if line["event"] == "stream.price_held_back"] == ["AAPL"]


async def test_a_stream_that_is_down_and_a_ticker_without_a_channel_are_asked_for(
    make_market: Any, polled: Any, streamed: Streamed
) -> None:
    assert (await make_market(polled, streams=streamed).quote("AAPL")).price == 101.0


async def test_after_the_close_it_is_asked_for(make_market: Any, polled: Any, streamed: Streamed, clock: Any) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(102.0, NOON, NOON)
    assert (await market.quote("AAPL")).price == 102.0
    clock.forward(4 * 3600)
    at = clock.moment
    streamed.has(102.0, at, at)
    polled.quotes_of["AAPL"] = Quote("AAPL", 104.0, at, "tiingo")
    assert (await market.quote("AAPL")).price == 104.0


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)], ids=["forwards", "backwards"])
async def test_no_old_price_is_unmarked_when_provider_and_stream_are_gone_and_the_clock_is_set(
    make_market: Any, polled: Any, streamed: Streamed, clock: Any, ahead: timedelta
) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(102.0, NOON, NOON)
    assert not (await market.quote("AAPL")).stale
    clock.set_to(NOON + ahead)
    polled.quotes_of["AAPL"] = DOWN
    quote = await market.quote("AAPL")
    assert quote.source == "tiingo"
    assert quote.stale
    streamed.has(103.0, NOON + ahead, NOON + ahead)
    assert ((await market.quote("AAPL")).price, (await market.quote("AAPL")).stale) == (103.0, False)


async def test_the_last_streamed_price_is_known_when_stream_and_provider_are_gone(
    make_market: Any, polled: Any, streamed: Streamed, clock: Any
) -> None:
    market = make_market(polled, streams=streamed)
    streamed.has(102.0, NOON, NOON)
    await market.quote("AAPL")
    streamed.prices.clear()
    polled.quotes_of["AAPL"] = DOWN
    clock.forward(299)
    quote = await market.quote("AAPL")
    assert (quote.price, quote.stale) == (102.0, False)
    clock.forward(62)
    quote = await market.quote("AAPL")
    assert (quote.price, quote.stale) == (102.0, True)
