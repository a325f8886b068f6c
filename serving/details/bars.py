"""The last bars of a ticker, with its reports."""

import numpy as np

from configuration import Settings
from market.bars import COLUMNS, Bars
from market.errors import MarketError
from market.market import History, Market
from market.reports.dates import Report
from serving.contract.details import BarAnswer, BarsAnswer, ReportAnswer
from serving.contract.problems import forbidden, unavailable
from serving.contract.validation import check_ticker

RETRY_AFTER = 30


async def last_bars(settings: Settings, market: Market, ticker: str, sessions: int) -> BarsAnswer:
    """The last `sessions` complete bars.

    Raises:
        Problem: 403 where raw prices are switched off, 422 or 404 for what cannot be asked, 503 when there are none.
    """
    if not settings.serving.raw_prices:
        raise forbidden("serving.raw_prices is off here: the providers' terms may forbid passing their prices on")
    ticker = check_ticker(ticker, settings)
    history = await history_of(market, ticker)
    bars = history.bars[-sessions:]
    return BarsAnswer(
        ticker=ticker,
        currency=settings.currency,
        source=bars.source,
        stale=history.stale,
        bars=_rows(bars),
        reports=[report_answer(one) for one in market.reports_of(ticker).reports if one.filed_on >= bars.session[0]],
    )


async def history_of(market: Market, ticker: str) -> History:
    """The bars of a configured ticker.

    Raises:
        Problem: 503 when there are none.
    """
    try:
        return await market.history(ticker)
    except MarketError as error:
        raise unavailable(str(error), RETRY_AFTER) from None


def report_answer(report: Report) -> ReportAnswer:
    """A report as the API tells it."""
    return ReportAnswer.model_validate({"filed_on": str(report.filed_on), "timing": report.timing.value})


def _rows(bars: Bars) -> list[BarAnswer]:
    columns = np.stack([getattr(bars, name) for name in COLUMNS], axis=1).tolist()
    return [
        BarAnswer.model_validate({"session": str(session)} | dict(zip(COLUMNS, row, strict=True)))
        for session, row in zip(bars.session, columns, strict=True)
    ]
