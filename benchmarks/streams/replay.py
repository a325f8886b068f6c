"""The minutes of a day at a hundred times their speed."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from benchmarks.streams.listeners import listeners, until_streamed
from benchmarks.streams.page import shown, watching
from benchmarks.streams.scene import Stage
from benchmarks.streams.stand_in import TICKERS, minute_prices

SPEED = 100
MINUTE = 60.0
SETTLES = 3.0  # seconds
HALF_A_CENT = 0.005001


async def replay(stage: Stage, minutes: int) -> None:
    """Print what of the prices of a day arrived: every event holds a price that was sent, in their order."""
    provider, generator = stage.provider, np.random.default_rng(20240308)
    async with (
        stage.service() as scene,
        listeners(scene.url, 1, provider.sent_at, keeps=True) as (listener,),
        watching(scene.url) as page,
    ):
        ticking = asyncio.create_task(provider.tick())
        await until_streamed(listener)
        ticking.cancel()
        await asyncio.sleep(SETTLES)
        for sent in provider.sent.values():
            sent.clear()
        begins = {ticker: len(prices) for ticker, prices in (await shown(page)).items()}
        listener.read()
        del listener.arrived[:], listener.lags[:]
        paths = {ticker: minute_prices(close, minutes, generator) for ticker, close in provider.closes.items()}
        began = time.monotonic()
        for minute in range(minutes):
            for ticker, prices in paths.items():
                await provider.send(ticker, prices[minute])
            await asyncio.sleep(max(0.0, began + (minute + 1) * MINUTE / SPEED - time.monotonic()))
        spent = time.monotonic() - began
        await asyncio.sleep(SETTLES)
        listener.read()
        stood = {ticker: prices[begins[ticker] :] for ticker, prices in (await shown(page)).items()}
    arrived: dict[str, list[float]] = {ticker: [] for ticker in TICKERS}
    for each in listener.arrived:
        arrived[each.told.ticker].append(each.told.price)
    in_order = sum(_is_part_of(arrived[ticker], sent) for ticker, sent in provider.sent.items())
    last = sum(arrived[ticker][-1:] == sent[-1:] for ticker, sent in provider.sent.items())
    on_page = sum(_is_part_of(stood[ticker], sent, HALF_A_CENT) for ticker, sent in provider.sent.items())
    last_on_page = sum(abs(stood[ticker][-1] - sent[-1]) < HALF_A_CENT for ticker, sent in provider.sent.items())
    lags = sorted(listener.lags)
    console, count = Console(), len(TICKERS)
    console.print(
        f"replay of {minutes} minutes in {spent:.0f} s: {minutes * count} prices sent, "
        f"{len(listener.arrived)} predictions arrived, {len(lags)} with another price; in order for {in_order} of "
        f"{count} tickers, the last price for {last}; a price was {lags[len(lags) // 2]:.2f} s old at the median when "
        f"it arrived, {lags[-1]:.2f} s at most"
    )
    console.print(
        f"the page showed {sum(map(len, stood.values()))} prices, in order for {on_page} of {count} tickers, the last "
        f"one for {last_on_page}"
    )


def _is_part_of(part: Sequence[float], whole: Sequence[float], off: float = 1e-9) -> bool:
    """Whether `part`, repetitions aside, is left when some of `whole` is taken away; prices may be `off` by so much."""
    rest = iter(whole)
    changes = [price for number, price in enumerate(part) if number == 0 or price != part[number - 1]]
    return all(any(abs(price - sent) < off for sent in rest) for price in changes)
