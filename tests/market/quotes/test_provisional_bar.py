from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.files import Files
from market.quotes.provisional_bar import with_provisional
from market.quotes.quote import Quote

RUNNING = datetime(2024, 3, 12, 15, 0, tzinfo=UTC)


def quote(price: float = 101.0, at: datetime = RUNNING, source: str = "tiingo", **more: Any) -> Quote:
    return Quote("AAPL", price, at, source, **more)


def test_a_running_session_gets_a_bar_that_closes_at_the_quote(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    extended, is_provisional = with_provisional(bars, quote(open=100.5, high=101.5, low=100.0), sessions)
    assert is_provisional
    assert len(extended) == len(bars) + 1
    assert extended.session[-1] == np.datetime64("2024-03-12")
    assert (extended.close[-1], extended.open[-1]) == (101.0, 100.5)
    np.testing.assert_array_equal(extended.close[:-1], bars.close)


def test_part_of_a_range_and_volume_does_not_pass_for_a_whole_one(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    early = quote(100.0, open=100.0, high=100.0, low=100.0, volume=12.0)  # one minute after the opening
    extended, _ = with_provisional(bars, early, sessions)
    typical = np.log(bars.high[-21:] / np.maximum(bars.open, bars.close)[-21:])
    assert np.log(extended.high[-1] / 100.0) == pytest.approx(float(np.median(typical)))
    assert extended.low[-1] < 100.0
    assert extended.volume[-1] == np.median(bars.volume[-21:])


def test_the_range_holds_what_was_seen(make_series: Any, sessions: Sessions) -> None:
    wild = quote(100.0, open=101.0, high=120.0, low=80.0)
    extended, _ = with_provisional(make_series().bars, wild, sessions)
    assert (extended.high[-1], extended.low[-1]) == (120.0, 80.0)


def test_without_an_opening_price_the_last_close_stands_in(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    extended, _ = with_provisional(bars, quote(), sessions)
    assert extended.open[-1] == bars.close[-1]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "at",
    [
        "2024-03-12 20:00",  # it closes at this moment
        "2024-03-12 19:59",  # its last trade was a minute before
        "2024-03-12 15:00",  # nothing newer is known of it
        "2024-03-12 22:40",  # traded after hours
    ],
)
def test_a_session_without_its_bar_is_provisional_however_late_it_is(
    make_series: Any, sessions: Sessions, at: str
) -> None:
    extended, is_provisional = with_provisional(make_series().bars, quote(at=moment(at)), sessions)
    assert is_provisional
    assert (str(extended.session[-1]), extended.close[-1]) == ("2024-03-12", 101.0)
    assert str(sessions.after(extended.session[-1], 1)) == "2024-03-13"  # what the quote knows is no forecast


def test_over_a_weekend_fridays_quote_stands_for_its_bar(make_series: Any, sessions: Sessions) -> None:
    thursday = make_series(last="2024-03-07").bars
    extended, is_provisional = with_provisional(thursday, quote(at=moment("2024-03-08 21:00")), sessions)
    assert is_provisional
    assert str(extended.session[-1]) == "2024-03-08"


def test_a_half_day_closes_early(make_series: Any, sessions: Sessions) -> None:
    before = make_series(last="2024-07-02").bars
    for at, expected in (("2024-07-03 17:00", True), ("2024-07-03 21:00", True), ("2024-07-03 21:01", False)):
        assert with_provisional(before, quote(at=moment(at)), sessions)[1] is expected


@pytest.mark.parametrize(
    ("at", "source"),
    [
        ("2024-03-12 11:00", "tiingo"),  # before the opening, the last bar being there
        ("2024-03-11 20:00", "tiingo"),  # of the session that is there
        ("2024-03-12 13:29", "tiingo"),  # of the morning before the opening
        ("2024-03-13 12:00", "tiingo"),  # of the morning after
        ("2024-03-12 15:00", "simulated"),  # of another kind
        ("2024-03-12 20:00", "simulated"),
    ],
)
def test_otherwise_the_bars_stay_as_they_are(make_series: Any, sessions: Sessions, at: str, source: str) -> None:
    bars = make_series().bars
    assert with_provisional(bars, quote(at=moment(at), source=source), sessions) == (bars, False)


@pytest.mark.parametrize("now", ["2024-03-12 20:00", "2024-03-12 23:00", "2024-03-16 12:00"])
async def test_simulated_prices_have_every_closed_session_and_need_none(
    make_market: Any, sessions: Sessions, clock: Any, now: str
) -> None:
    clock.set_to(moment(now))
    market = make_market(simulated=True)
    found, bars = await market.quote("AAPL"), (await market.history("AAPL")).bars
    assert with_provisional(bars, found, sessions) == (bars, False)


async def test_a_file_that_ends_early_gets_no_bar_from_its_own_last_close(
    real_bars: Path, make_market: Any, sessions: Sessions, clock: Any
) -> None:
    clock.set_to(moment("2024-03-12 23:00"))
    market = make_market(Files(real_bars, sessions))
    found, bars = await market.quote("AAPL"), (await market.history("AAPL")).bars
    assert with_provisional(bars, found, sessions) == (bars, False)


@pytest.mark.parametrize(("price", "expected"), [(101.0, True), (160.0, False)])
async def test_a_quote_that_is_held_back_closes_no_session(
    make_market: Any, provider: Any, make_series: Any, sessions: Sessions, clock: Any, *, price: float, expected: bool
) -> None:
    clock.set_to(moment("2024-03-12 20:30"))
    closed = quote(price, at=moment("2024-03-12 20:00"))
    market = make_market(provider("tiingo", {"AAPL": make_series()}, {"AAPL": closed}))
    found, bars = await market.quote("AAPL"), (await market.history("AAPL")).bars
    assert bool(found.held_back) is not expected
    assert with_provisional(bars, found, sessions)[1] is expected


async def test_the_bar_takes_the_place_of_the_quote_once_a_provider_has_it(
    make_market: Any, provider: Any, make_series: Any, sessions: Sessions, clock: Any
) -> None:
    clock.set_to(moment("2024-03-12 20:30"))
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quote(at=moment("2024-03-12 20:00"))})
    market = make_market(tiingo)
    found, before = await market.quote("AAPL"), (await market.history("AAPL")).bars
    assert with_provisional(before, found, sessions)[1]
    tiingo.bars_of["AAPL"] = make_series(last="2024-03-12", count=301)
    clock.forward(2 * 3600)
    found, after = await market.quote("AAPL"), (await market.history("AAPL")).bars
    assert str(after.session[-1]) == "2024-03-12"
    assert with_provisional(after, found, sessions) == (after, False)


def test_a_quote_that_looks_split_is_no_close(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    assert with_provisional(bars, quote(25.1), sessions) == (bars, False)


def test_a_session_that_is_already_there_is_not_added_again(make_series: Any, sessions: Sessions) -> None:
    bars = make_series(last="2024-03-12").bars
    assert with_provisional(bars, quote(), sessions) == (bars, False)


def test_one_bar_is_enough(make_series: Any, sessions: Sessions) -> None:
    extended, is_provisional = with_provisional(make_series(count=1).bars, quote(), sessions)
    assert is_provisional
    assert len(extended) == 2


prices = st.floats(min_value=0.01, max_value=1e5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(price=prices, seen=st.tuples(*[st.none() | prices] * 3))
def test_any_quote_gives_a_valid_bar(
    make_series: Any, sessions: Sessions, price: float, seen: tuple[float | None, ...]
) -> None:
    opened, high, low = seen
    bars = make_series(count=30).bars
    extended, is_provisional = with_provisional(bars, quote(price, open=opened, high=high, low=low), sessions)
    assert isinstance(extended, Bars)
    assert extended.close[-1] == (price if is_provisional else bars.close[-1])
