from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.bars import COLUMNS, Bars
from market.calendar.sessions import Sessions
from market.history.quality import Finding, Kind, inspect
from market.providers.files import parse_csv
from market.series import Adjustment, Series

LAST = np.datetime64("2024-03-11")


def changed(series: Series, **columns: Any) -> Series:
    bars = series.bars
    values = {name: columns.get(name, getattr(bars, name)) for name in ("session", *COLUMNS)}
    return Series(Bars(bars.ticker, bars.source, **values), series.adjustment)


def kept(series: Series, mask: Any) -> Series:
    return changed(series, **{name: getattr(series.bars, name)[mask] for name in ("session", *COLUMNS)})


def scaled(series: Series, first: int, last: int, factor: float) -> Series:
    factors = np.where((np.arange(len(series.bars)) >= first) & (np.arange(len(series.bars)) < last), factor, 1.0)
    return changed(series, **{name: getattr(series.bars, name) * factors for name in ("open", "high", "low", "close")})


def findings(series: Series, sessions: Sessions) -> dict[Kind, Finding]:
    return {finding.kind: finding for finding in inspect(series, sessions, LAST)}


def test_a_good_series_has_no_findings(make_series: Any, sessions: Sessions) -> None:
    assert inspect(make_series(), sessions, LAST) == ()


def test_few_sessions_are_flagged(make_series: Any, sessions: Sessions) -> None:
    found = findings(make_series(count=30), sessions)
    assert "only 30 sessions" in found[Kind.SHORT].text


def test_a_gap_names_the_missing_sessions(make_series: Any, sessions: Sessions) -> None:
    series = make_series()
    mask = np.ones(300, dtype=bool)
    mask[[100, 101, 102, 103, 200]] = False
    found = findings(kept(series, mask), sessions)[Kind.GAP]
    assert found.sessions == tuple(series.bars.session[~mask].astype(str))
    assert "and 2 more" in found.text
    assert "add them" in found.text


def test_a_day_without_a_session_is_flagged(make_series: Any, sessions: Sessions) -> None:
    series = make_series()
    session = series.bars.session.copy()
    session[-1] = np.datetime64("2024-03-09")  # a Saturday
    found = findings(changed(series, session=session), sessions)
    assert found[Kind.NO_SESSION].sessions == ("2024-03-09",)


def test_zero_volume_is_flagged(make_series: Any, sessions: Sessions) -> None:
    series = make_series()
    found = findings(changed(series, volume=np.where(np.arange(300) == 50, 0.0, series.bars.volume)), sessions)
    assert found[Kind.ZERO_VOLUME].sessions == (str(series.bars.session[50]),)


def test_a_repeated_bar_is_flagged(make_series: Any, sessions: Sessions) -> None:
    series = make_series()
    order = np.arange(300)
    order[120] = 119
    repeated = changed(series, **{name: getattr(series.bars, name)[order] for name in COLUMNS})
    assert findings(repeated, sessions)[Kind.REPEATED].sessions == (str(series.bars.session[120]),)


def test_a_price_far_off_and_back_is_an_outlier(make_series: Any, sessions: Sessions) -> None:
    found = findings(scaled(make_series(), 150, 151, 3.3), sessions)
    assert set(found) == {Kind.OUTLIER}
    assert found[Kind.OUTLIER].sessions == (str(make_series().bars.session[150]),)


def test_a_jump_that_stays_is_reported_and_kept(make_series: Any, sessions: Sessions) -> None:
    found = findings(scaled(make_series(), 150, 300, 0.7), sessions)
    assert set(found) == {Kind.JUMP}
    assert "moved -2" in found[Kind.JUMP].text


def test_a_jump_that_looks_like_a_split_says_so(make_series: Any, sessions: Sessions) -> None:
    found = findings(scaled(make_series(adjustment=Adjustment.UNKNOWN), 150, 300, 0.1), sessions)
    assert set(found) == {Kind.SUSPECTED_SPLIT}
    assert "10:1 split" in found[Kind.SUSPECTED_SPLIT].text


def test_a_confirmed_split_is_only_noted(make_series: Any, sessions: Sessions) -> None:
    smooth = make_series()
    rising = scaled(smooth, 150, 300, 10.0)
    series = Series(rising.bars, Adjustment.UNKNOWN, adj_close=smooth.bars.close)
    found = findings(series, sessions)
    assert set(found) == {Kind.SPLIT}


def test_an_old_tail_is_flagged(make_series: Any, sessions: Sessions) -> None:
    found = findings(make_series(last="2024-03-07"), sessions)
    assert "2 sessions before the last one" in found[Kind.STALE].text


def test_real_bars_hold_nothing_but_real_moves(real_bars: Path, sessions: Sessions) -> None:
    moves = {}
    for source in sorted(real_bars.glob("*.csv")):
        series = parse_csv(source.read_bytes(), source.stem, str(source))
        found = inspect(series, sessions, series.bars.session[-1])
        assert {finding.kind for finding in found} <= {Kind.JUMP}
        moves[source.stem] = [finding.sessions[0] for finding in found]
    if "NFLX" in moves:
        assert moves["NFLX"] == ["2022-01-21", "2022-04-20"]
        assert moves["META"] == ["2022-02-03", "2022-10-27", "2023-02-02", "2024-02-02"]
        assert moves["MSFT"] == []


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_series_can_be_inspected(make_series: Any, sessions: Sessions, count: int) -> None:
    assert set(findings(make_series(count=count), sessions)) == {Kind.SHORT}
