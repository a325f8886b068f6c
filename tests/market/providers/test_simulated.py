from datetime import UTC, datetime

import numpy as np
import pytest

from market.calendar.sessions import Sessions
from market.errors import InvalidBars
from market.providers.simulated import FIRST, Simulated, simulate

EVENING, RUNNING = datetime(2024, 3, 11, 23, 0, tzinfo=UTC), datetime(2024, 3, 12, 16, 45, tzinfo=UTC)


def test_the_same_ticker_has_the_same_bars_and_a_longer_series_begins_with_the_shorter(sessions: Sessions) -> None:
    short = simulate("AAPL", sessions.between(FIRST, np.datetime64("2023-03-08")))
    long = simulate("AAPL", sessions.between(FIRST, np.datetime64("2024-03-08")))
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(long, name)[: len(short)], getattr(short, name))
    other = simulate("MSFT", sessions.between(FIRST, np.datetime64("2023-03-08")))
    assert not np.array_equal(short.close, other.close)
    assert short.simulated


def test_returns_look_like_a_market(sessions: Sessions) -> None:
    bars = simulate("AAPL", sessions.between(FIRST, np.datetime64("2024-03-08")))
    change = np.diff(np.log(bars.close))
    assert 0.008 < change.std() < 0.05
    squared = (change - change.mean()) ** 2
    assert np.corrcoef(squared[1:], squared[:-1])[0, 1] > 0.02  # volatility clusters
    assert ((change - change.mean()) ** 4).mean() / change.var() ** 2 > 3.5  # tails are heavy


async def test_bars_end_with_the_last_complete_session(sessions: Sessions) -> None:
    simulated = Simulated(sessions, lambda: RUNNING)
    bars = (await simulated.series("AAPL")).bars
    assert bars.session[-1] == np.datetime64("2024-03-11")
    assert (await simulated.series("AAPL")).bars is bars
    await simulated.close()


async def test_the_quote_is_the_last_close_or_on_the_way_through_the_running_session(sessions: Sessions) -> None:
    closed = await Simulated(sessions, lambda: EVENING).quote("AAPL")
    assert closed.at == datetime(2024, 3, 11, 20, 0, tzinfo=UTC)
    running = await Simulated(sessions, lambda: RUNNING).quote("AAPL")
    today = simulate("AAPL", sessions.between(FIRST, np.datetime64("2024-03-12")))[-1:]
    assert running.at == RUNNING
    assert min(today.open[0], today.close[0]) - 0.01 <= running.price <= max(today.open[0], today.close[0]) + 0.01
    assert running.simulated


def test_no_session_no_bars() -> None:
    with pytest.raises(InvalidBars, match="simulated prices start on 2018-01-02"):
        simulate("AAPL", np.array([], dtype="datetime64[D]"))
