from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from configuration import Settings
from forecasting.reports.reaction import Reaction
from market.reports.dates import Report, ReportDates, Timing
from serving.details.width import explain_width


async def test_the_baseline_is_as_wide_as_the_level_alone_makes_it(settings: Settings, market: Any, parts: Any) -> None:
    found = await explain_width(settings, market, parts.predictor, "AAPL", 5, models=parts.champions)

    assert found.correction == pytest.approx(1, abs=1e-3)
    assert found.horizon_level == pytest.approx(found.level * 5**0.5)
    assert found.width > found.horizon_level > 0


async def test_the_correction_is_what_the_model_makes_of_it(
    settings: Settings, market: Any, parts: Any, publish: Any
) -> None:
    publish("AAPL", 1, below=(0.1, 0.4, 0.4), above=(0.1, 0.4, 0.4))
    await parts.champions.look()

    wider = await explain_width(settings, market, parts.predictor, "AAPL", 1, models=parts.champions)
    publish("AAPL", 1, version=2, below=(0.1, 0.0, 0.0), above=(0.1, 0.0, 0.0))
    await parts.champions.look()
    narrower = await explain_width(settings, market, parts.predictor, "AAPL", 1, models=parts.champions)

    assert wider.correction == pytest.approx(wider.width / wider.baseline_width)
    assert wider.correction / narrower.correction == pytest.approx(2.718281828**0.4, rel=1e-3)


def reported_a_year_before(market: Any, sessions_ahead: int) -> ReportDates:
    """A report 52 weeks before the session so far ahead of the last bar, which lets expect one then."""
    made_on = market.bars["AAPL"].session[-1]
    filed_on = market.sessions.after(made_on, sessions_ahead) - np.timedelta64(364, "D")
    return ReportDates("AAPL", (Report(filed_on, Timing.BEFORE_OPEN, "files", datetime.now(UTC)),))


async def test_an_inferred_report_is_told_with_its_probability_and_has_its_own_part_of_the_width(
    settings: Settings, market: Any, parts: Any, publish: Any
) -> None:
    publish("AAPL", 5, below=(0.1, 0.2, 0.2), above=(0.1, 0.2, 0.2), reaction=Reaction(size=30, same_session=0.5))
    await parts.champions.look()
    without = await explain_width(settings, market, parts.predictor, "AAPL", 5, models=parts.champions)
    market.reports["AAPL"] = reported_a_year_before(market, 2)
    parts.predictor.expire("AAPL", 5)

    found = await explain_width(settings, market, parts.predictor, "AAPL", 5, models=parts.champions)

    assert (without.next_report, without.report_factor) == (None, 1)
    assert without.model_factor == pytest.approx(without.correction)
    assert found.next_report is not None
    assert found.model_factor is not None
    assert found.report_factor is not None
    assert not found.next_report.confirmed
    assert 0.5 < found.next_report.in_horizon < 1
    assert found.model_factor == pytest.approx(without.correction, rel=1e-3)
    assert found.report_factor == pytest.approx(found.width / without.width, rel=1e-3)
    assert found.model_factor * found.report_factor == pytest.approx(found.correction, rel=1e-12)
    assert found.report_factor > 1.2


async def test_a_report_does_nothing_to_the_baselines_width(settings: Settings, market: Any, parts: Any) -> None:
    market.reports["AAPL"] = reported_a_year_before(market, 2)

    found = await explain_width(settings, market, parts.predictor, "AAPL", 5, models=parts.champions)

    assert found.next_report is not None
    assert found.report_factor == 1


async def test_of_a_model_that_is_gone_no_parts_are_told(
    settings: Settings, market: Any, parts: Any, publish: Any
) -> None:
    publish("AAPL", 1)
    await parts.champions.look()
    await parts.predictor.answer("AAPL", 1)
    gone = type(parts.champions)([], [("AAPL", 1)], None)

    found = await explain_width(settings, market, parts.predictor, "AAPL", 1, models=gone)

    assert (found.model_factor, found.report_factor) == (None, None)
    assert found.correction > 0
