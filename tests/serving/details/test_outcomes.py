from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configuration import Settings
from market.reports.dates import Report, ReportDates, Timing
from serving.details.outcomes import past_forecasts
from serving.monitoring.track_record import TrackRecord


@pytest.fixture
async def record(parts: Any, make_bars: Any, tmp_path: Path) -> TrackRecord:
    """Ten forecasts, one a session, the last of them for a session that has not closed."""
    whole, kept = make_bars("AAPL"), TrackRecord(tmp_path)
    for end in range(len(whole) - 9, len(whole) + 1):
        parts.market.bars["AAPL"] = whole[:end]
        kept.note((await parts.computing.compute("AAPL", 1)).prediction)
    return kept


async def test_each_forecast_with_what_came(settings: Settings, market: Any, record: TrackRecord) -> None:
    found = await past_forecasts(settings, market, record, "AAPL", 1)

    close = market.bars["AAPL"].close
    newest, before = found.outcomes[0], found.outcomes[1]
    assert len(found.outcomes) == 10
    assert newest.actual is newest.inside is None
    assert before.actual == pytest.approx(close[-1] / close[-2] - 1)
    assert before.actual is not None
    assert before.inside == (before.lower <= before.actual <= before.upper)
    assert [one.made_on for one in found.outcomes] == sorted((one.made_on for one in found.outcomes), reverse=True)


@pytest.mark.parametrize(
    ("timing", "effect"), [(Timing.AFTER_CLOSE, -2), (Timing.UNKNOWN, -2), (Timing.BEFORE_OPEN, -3)]
)
async def test_a_report_counts_for_the_session_that_it_reaches(
    settings: Settings, market: Any, record: TrackRecord, timing: Timing, effect: int
) -> None:
    session = market.bars["AAPL"].session
    report = Report(session[-2], timing, "files", datetime.now(UTC))
    market.reports["AAPL"] = ReportDates("AAPL", (report,))

    found = await past_forecasts(settings, market, record, "AAPL", 1)

    assert [np.datetime64(one.made_on) for one in found.outcomes if one.report] == [session[effect]]


async def test_without_report_dates_nothing_is_said_of_them(
    settings: Settings, market: Any, record: TrackRecord
) -> None:
    found = await past_forecasts(settings, market, record, "AAPL", 1)

    assert {one.report for one in found.outcomes} == {None}


async def test_another_horizon_has_forecasts_of_its_own(settings: Settings, market: Any, record: TrackRecord) -> None:
    assert (await past_forecasts(settings, market, record, "AAPL", 5)).outcomes == []
