"""Of everything that arrives, the newest price of each ticker is shown, at most once a second."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from market.streams.latest_prices import LatestPrices
from market.streams.price_stream import Tick


class Showing:
    """The prices of two streams on a clock that stands, and what was told of them."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.told: list[tuple[str, float | None]] = []
        self.prices = LatestPrices(["tiingo", "alpaca"], clock, self.tell)

    def tell(self, ticker: str) -> None:
        shown = self.prices.shown.get(ticker)
        self.told.append((ticker, shown.price if shown else None))

    def take(self, *prices: float, source: str = "tiingo", ticker: str = "AAPL", seconds: Sequence[float] = ()) -> None:
        at = self.clock.moment
        moments = seconds or [index / 100 for index in range(len(prices))]
        ticks = [
            Tick(ticker, price, at + timedelta(seconds=later)) for price, later in zip(prices, moments, strict=True)
        ]
        self.prices.take(source, ticks)


@pytest.fixture
def showing(clock: Any) -> Showing:
    return Showing(clock)


def test_the_first_is_shown_at_once_and_then_the_newest_of_each_second(showing: Showing) -> None:
    showing.take(100, 101, 102)
    assert showing.told == [("AAPL", 100)]
    showing.clock.forward(0.4)
    showing.prices.sweep()
    showing.take(103)
    assert showing.told == [("AAPL", 100)]
    showing.clock.forward(0.6)
    showing.prices.sweep()
    assert showing.told == [("AAPL", 100), ("AAPL", 103)]
    showing.clock.forward(5)
    showing.prices.sweep()
    assert len(showing.told) == 2


def test_of_many_prices_no_more_are_shown_than_seconds_go_by(showing: Showing) -> None:
    for price in range(1000):
        showing.take(100 + price)
        showing.clock.forward(0.01)
        showing.prices.sweep()
    assert len(showing.told) in {10, 11}


def test_a_price_that_came_late_makes_those_after_it_no_later(showing: Showing) -> None:
    showing.take(100)
    showing.clock.forward(1.4)
    showing.take(101)
    for price in (102, 103, 104):
        showing.clock.forward(0.9 if price > 102 else 0.6)
        showing.take(price)
        assert showing.prices.shown["AAPL"].price == price
        showing.clock.forward(0.1 if price > 102 else 0.0)


def test_each_ticker_has_a_second_of_its_own(showing: Showing) -> None:
    showing.take(100)
    showing.take(200, ticker="MSFT")
    assert showing.told == [("AAPL", 100), ("MSFT", 200)]


def test_a_price_tells_its_time_its_source_and_when_it_came(showing: Showing) -> None:
    at = showing.clock.moment
    showing.take(100, seconds=[-3])
    shown = showing.prices.shown["AAPL"]
    assert (shown.at, shown.source, shown.fetched_at) == (at - timedelta(seconds=3), "tiingo", at)


def test_what_is_no_newer_is_dropped(showing: Showing) -> None:
    showing.take(100, 1, 2, seconds=[0, 0, -1])
    showing.clock.forward(1)
    showing.prices.sweep()
    assert showing.prices.shown["AAPL"].price == 100
    assert showing.prices.dropped == 2


def test_the_first_stream_is_shown_and_the_second_while_the_first_has_a_gap(showing: Showing) -> None:
    showing.take(100)
    showing.take(200, source="alpaca")
    showing.clock.forward(1)
    showing.prices.sweep()
    assert showing.prices.shown["AAPL"].source == "tiingo"
    showing.prices.interrupt("tiingo")
    assert showing.prices.shown["AAPL"].source == "alpaca"
    showing.clock.forward(1)
    showing.take(101)
    assert showing.prices.shown["AAPL"].source == "tiingo"


def test_a_gap_takes_everything_away_that_was_before_it(showing: Showing) -> None:
    showing.take(100, seconds=[0])
    showing.prices.interrupt("tiingo")
    assert not showing.prices.shown
    assert showing.prices.gaps == 1
    showing.take(55, seconds=[-1])
    assert not showing.prices.shown
    showing.take(101, seconds=[1])
    assert showing.prices.shown["AAPL"].price == 101


def test_a_clock_that_is_set_changes_nothing_of_it(showing: Showing) -> None:
    showing.take(100, seconds=[0])
    before = showing.clock.moment
    showing.clock.set_to(before - timedelta(hours=1))
    showing.take(101, seconds=[3601])
    showing.clock.forward(1)
    showing.prices.sweep()
    assert showing.prices.shown["AAPL"].price == 101
