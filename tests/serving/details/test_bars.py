from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from configuration import Settings
from market.reports.dates import Report, ReportDates, Timing
from serving.contract.problems import Problem
from serving.details.bars import last_bars


async def test_the_last_bars_as_they_are_stored(settings: Settings, market: Any) -> None:
    answer = await last_bars(settings, market, "aapl", 3)

    known = market.bars["AAPL"]
    assert [str(bar.session) for bar in answer.bars] == [str(session) for session in known.session[-3:]]
    assert [bar.close for bar in answer.bars] == known.close[-3:].tolist()
    assert [bar.volume for bar in answer.bars] == known.volume[-3:].tolist()
    assert (answer.ticker, answer.source, answer.currency) == ("AAPL", "simulated", "USD")


async def test_reports_since_the_first_bar_and_those_announced(settings: Settings, market: Any) -> None:
    session = market.bars["AAPL"].session
    dates = [session[-200], session[-2], session[-1] + 30]
    market.reports["AAPL"] = ReportDates.of(
        "AAPL", [Report(day, Timing.AFTER_CLOSE, "files", datetime.now(UTC)) for day in dates]
    )

    answer = await last_bars(settings, market, "AAPL", 10)

    assert [np.datetime64(report.filed_on) for report in answer.reports] == dates[1:]
    assert {report.timing for report in answer.reports} == {"after_close"}


async def test_raw_prices_can_be_switched_off(settings: Settings, market: Any) -> None:
    serving = settings.serving.model_copy(update={"raw_prices": False})

    with pytest.raises(Problem, match="raw_prices") as refused:
        await last_bars(settings.model_copy(update={"serving": serving}), market, "AAPL", 3)

    assert refused.value.status == 403


async def test_what_cannot_be_asked_is_told_so(settings: Settings, market: Any) -> None:
    for ticker, status in (("IBM", 404), ("not a ticker", 422)):
        with pytest.raises(Problem) as refused:
            await last_bars(settings, market, ticker, 3)
        assert refused.value.status == status


async def test_without_prices_it_is_503(settings: Settings, market: Any) -> None:
    del market.bars["AAPL"]

    with pytest.raises(Problem) as refused:
        await last_bars(settings, market, "AAPL", 3)

    assert refused.value.status == 503
