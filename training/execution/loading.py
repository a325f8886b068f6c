"""Bars for the pipeline."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from configuration import Settings
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from market.errors import MarketError
from market.market import Market

# Tickers whose bars are in memory at once.
CHUNK = 64

# Bars by ticker, and for those without any the reason.
Loaded = tuple[dict[str, Bars], dict[str, str]]


def chunks(tickers: Sequence[str]) -> Iterator[Sequence[str]]:
    """`tickers` in parts of CHUNK, so that any number of them takes the same memory."""
    for start in range(0, len(tickers), CHUNK):
        yield tickers[start : start + CHUNK]


class PartByPart:
    """What `load` gives for each part of the tickers in turn; the next can be loaded before its turn comes."""

    def __init__(self, settings: Settings, tickers: Sequence[str], newer_than: datetime | None = None) -> None:
        self._parts = (load(settings, part, newer_than) for part in chunks(tickers))
        self._ahead: list[Loaded] = []

    def __iter__(self) -> Iterator[Loaded]:
        while True:
            self.load_next()
            if not self._ahead:
                return
            yield self._ahead.pop()

    def load_next(self) -> None:
        """Load the next part, unless that is done or there is none."""
        self._ahead = self._ahead or list(islice(self._parts, 1))


def load(settings: Settings, tickers: Sequence[str], newer_than: datetime | None = None) -> Loaded:
    """The final bars of each ticker, and for those without any the reason in one line.

    Args:
        newer_than: fetch what was stored before this, as a person who asks for a training wants; None: train on what is
            stored, so that quotes keep the providers' quotas.
    """
    return asyncio.run(_load(settings, tickers, newer_than))


def report_schedules(settings: Settings, tickers: Sequence[str]) -> dict[str, ReportSchedule]:
    """The report dates of each ticker on the exchange's calendar; empty ones where nothing is known."""
    return asyncio.run(_report_schedules(settings, tickers))


async def _report_schedules(settings: Settings, tickers: Sequence[str]) -> dict[str, ReportSchedule]:
    market = Market.open(settings)
    sessions, announced_before = market.sessions.session, settings.market.reports.announced_before
    dates = {ticker: await market.refresh_reports(ticker) for ticker in tickers}
    await market.close()
    return {ticker: ReportSchedule.of(known, sessions, announced_before) for ticker, known in dates.items()}


async def _load(settings: Settings, tickers: Sequence[str], newer_than: datetime | None) -> Loaded:
    market = Market.open(settings)
    bars: dict[str, Bars] = {}
    failures: dict[str, str] = {}
    with market.store_kept_open():
        for ticker in tickers:
            try:
                bars[ticker] = (await market.for_training(ticker, newer_than)).final_bars
            except MarketError as error:
                failures[ticker] = str(error)
    await market.close()
    return bars, failures
