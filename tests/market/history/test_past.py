"""Bars as they were known on a day of the past."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.errors import NoPrices, NothingThen, Unreachable
from market.history.past import KnownBy
from market.history.sqlite_store import HistoryStore
from market.series import Adjustment, Series


def at(day: int, hour: int = 23) -> datetime:
    return datetime(2024, 3, day, hour, tzinfo=UTC)


@pytest.fixture
def market(tmp_path: Path, make_market: Any, provider: Any, make_series: Any) -> Any:
    """A market whose bars were fetched on 7 March, and again on 11 March with a correction of the 7th."""
    store, last = HistoryStore(tmp_path), make_series(last="2024-03-11", count=3)
    store.replace(make_series(last="2024-03-07", count=100), at(7))
    columns = {name: 1.01 * getattr(last.bars, name) for name in ("open", "high", "low", "close", "volume")}
    store.extend(Series(type(last.bars)("AAPL", "tiingo", last.bars.session, **columns), Adjustment.TRADED), at(11))
    return make_market(provider("tiingo", {"AAPL": Unreachable("no answer")}))


async def test_only_what_was_fetched_by_then_is_known_and_no_correction_after_it(market: Any, make_series: Any) -> None:
    then = await market.as_of("AAPL", date(2024, 3, 8))

    assert then.known_by is KnownBy.FETCH_TIME
    np.testing.assert_array_equal(then.bars.close, make_series(last="2024-03-07", count=100).bars.close)
    assert then.moment == datetime(2024, 3, 9, tzinfo=UTC)
    assert then.stale

    later = await market.as_of("AAPL", date(2024, 3, 11))
    assert str(later.bars.session[-1]) == "2024-03-11"
    assert later.bars.close[-3] == pytest.approx(1.01 * then.bars.close[-1])
    assert not later.stale


async def test_before_the_first_fetch_the_dates_of_the_sessions_decide(market: Any) -> None:
    then = await market.as_of("AAPL", date(2024, 3, 3))

    assert then.known_by is KnownBy.SESSION_DATE
    assert str(then.bars.session[-1]) == "2024-03-01"
    assert not then.stale


async def test_a_later_split_changes_no_price_as_traded(make_market: Any, provider: Any, make_series: Any) -> None:
    plain = make_series(last="2024-03-11", count=100)
    split = Series(plain.bars, Adjustment.TRADED, {np.datetime64("2024-03-11"): 4.0})
    market = make_market(provider("tiingo", {"AAPL": split}))

    then, now = await market.as_of("AAPL", date(2024, 3, 8)), (await market.history("AAPL")).bars

    assert then.bars.close[-1] == plain.bars.close[-2] == 4 * now.close[-2]


async def test_before_the_first_bar_nothing_was_known(market: Any) -> None:
    with pytest.raises(NothingThen, match=r"AAPL: no bar up to 2023-01-03 is known; the first is of 2023-10-"):
        await market.as_of("AAPL", date(2023, 1, 3))


async def test_of_an_unknown_ticker_there_are_no_prices(market: Any) -> None:
    with pytest.raises(NoPrices):
        await market.as_of("MSFT", date(2024, 3, 8))
