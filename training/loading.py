"""Bars for the pipeline."""

import asyncio
from collections.abc import Iterator, Sequence

from configuration import Settings
from market.bars import Bars
from market.errors import MarketError
from market.market import Market

# Tickers whose bars are in memory at once.
CHUNK = 32


def chunks(tickers: Sequence[str]) -> Iterator[Sequence[str]]:
    """`tickers` in parts of CHUNK, so that any number of them takes the same memory."""
    for start in range(0, len(tickers), CHUNK):
        yield tickers[start : start + CHUNK]


def load(settings: Settings, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
    """The newest bars of each ticker, and for those without any the reason in one line."""
    return asyncio.run(_load(settings, tickers))


async def _load(settings: Settings, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
    market = Market.open(settings)
    bars: dict[str, Bars] = {}
    failures: dict[str, str] = {}
    for ticker in tickers:
        try:
            bars[ticker] = (await market.fetch(ticker)).bars
        except MarketError as error:
            failures[ticker] = str(error)
    await market.close()
    return bars, failures
