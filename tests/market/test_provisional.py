from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.bars import Bars
from market.provisional import with_provisional
from market.quote import Quote
from market.sessions import Sessions

RUNNING = datetime(2024, 3, 12, 15, 0, tzinfo=UTC)


def quote(price: float = 101.0, at: datetime = RUNNING, source: str = "tiingo", **more: Any) -> Quote:
    return Quote("AAPL", price, at, source, **more)


def test_a_running_session_gets_a_bar_that_closes_at_the_quote(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    extended, is_provisional = with_provisional(bars, quote(open=100.5, high=101.5, low=100.0), sessions, RUNNING)
    assert is_provisional
    assert len(extended) == len(bars) + 1
    assert extended.session[-1] == np.datetime64("2024-03-12")
    assert (extended.close[-1], extended.open[-1]) == (101.0, 100.5)
    np.testing.assert_array_equal(extended.close[:-1], bars.close)


def test_part_of_a_range_and_volume_does_not_pass_for_a_whole_one(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    early = quote(100.0, open=100.0, high=100.0, low=100.0, volume=12.0)  # one minute after the opening
    extended, _ = with_provisional(bars, early, sessions, RUNNING)
    typical = np.log(bars.high[-21:] / np.maximum(bars.open, bars.close)[-21:])
    assert np.log(extended.high[-1] / 100.0) == pytest.approx(float(np.median(typical)))
    assert extended.low[-1] < 100.0
    assert extended.volume[-1] == np.median(bars.volume[-21:])


def test_the_range_holds_what_was_seen(make_series: Any, sessions: Sessions) -> None:
    wild = quote(100.0, open=101.0, high=120.0, low=80.0)
    extended, _ = with_provisional(make_series().bars, wild, sessions, RUNNING)
    assert (extended.high[-1], extended.low[-1]) == (120.0, 80.0)


def test_without_an_opening_price_the_last_close_stands_in(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    extended, _ = with_provisional(bars, quote(), sessions, RUNNING)
    assert extended.open[-1] == bars.close[-1]


@pytest.mark.parametrize(
    ("now", "at", "source"),
    [
        (datetime(2024, 3, 12, 21, 0, tzinfo=UTC), RUNNING, "tiingo"),  # closed
        (datetime(2024, 3, 12, 12, 0, tzinfo=UTC), datetime(2024, 3, 12, 11, 0, tzinfo=UTC), "tiingo"),  # not open yet
        (RUNNING, datetime(2024, 3, 11, 20, 0, tzinfo=UTC), "tiingo"),  # a quote of the session before
        (RUNNING, RUNNING, "simulated"),  # of another kind
    ],
)
def test_otherwise_the_bars_stay_as_they_are(
    make_series: Any, sessions: Sessions, now: datetime, at: datetime, source: str
) -> None:
    bars = make_series().bars
    assert with_provisional(bars, quote(at=at, source=source), sessions, now) == (bars, False)


def test_a_quote_that_looks_split_is_no_close(make_series: Any, sessions: Sessions) -> None:
    bars = make_series().bars
    assert with_provisional(bars, quote(25.1), sessions, RUNNING) == (bars, False)


def test_a_session_that_is_already_there_is_not_added_again(make_series: Any, sessions: Sessions) -> None:
    bars = make_series(last="2024-03-12").bars
    assert with_provisional(bars, quote(), sessions, RUNNING) == (bars, False)


def test_one_bar_is_enough(make_series: Any, sessions: Sessions) -> None:
    extended, is_provisional = with_provisional(make_series(count=1).bars, quote(), sessions, RUNNING)
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
    extended, is_provisional = with_provisional(bars, quote(price, open=opened, high=high, low=low), sessions, RUNNING)
    assert isinstance(extended, Bars)
    assert extended.close[-1] == (price if is_provisional else bars.close[-1])
