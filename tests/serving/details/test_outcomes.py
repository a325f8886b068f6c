from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configuration import Settings
from market.reports.dates import Report, ReportDates, Timing
from serving.details.outcomes import past_forecasts, whole_record
from serving.monitoring.track_record.hash_chain import NOTHING
from serving.monitoring.track_record.served_predictions import Noted, PredictionLog
from serving.monitoring.track_record.track_record import TrackRecord


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


async def test_the_whole_record_scores_ordinary_and_report_sessions_apart(
    settings: Settings, market: Any, tmp_path: Path
) -> None:
    bars = market.bars["AAPL"]
    record = TrackRecord(tmp_path)
    session = bars.session
    market.reports["AAPL"] = ReportDates("AAPL", (Report(session[-3], Timing.BEFORE_OPEN, "file", datetime.now(UTC)),))
    lines = [
        Noted("AAPL", 1, str(session[row]), str(session[row + 1]), "baseline", None, True, 0.0, -wide, wide)
        for row, wide in ((-6, 1.0), (-5, 1.0), (-4, 0.0))
    ]
    PredictionLog(tmp_path).append(lines)

    found = await whole_record(settings, market, record)

    (one,) = found.horizons
    assert (one.horizon, one.predictions) == (1, 3)
    assert (one.ordinary_coverage, one.report_coverage) == (1, 0)
    assert one.coverage == pytest.approx(2 / 3)
    assert found.head == record.head() != NOTHING
