"""The minutes of a day at a hundred times their speed."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console

from benchmarks.streams.listeners import listeners, until_streamed
from benchmarks.streams.scene import Stage
from benchmarks.streams.stand_in import TICKERS, minute_prices

SPEED = 100
MINUTE = 60.0
SETTLES = 3.0  # seconds


async def replay(stage: Stage, minutes: int) -> None:
    """Print what of the prices of a day arrived: every event holds a price that was sent, in their order."""
    provider, generator = stage.provider, np.random.default_rng(20240308)
    async with stage.service() as scene, listeners(scene.url, 1, provider.sent_at, keeps=True) as (listener,):
        ticking = asyncio.create_task(provider.tick())
        await until_streamed(listener)
        ticking.cancel()
        await asyncio.sleep(SETTLES)
        for sent in provider.sent.values():
            sent.clear()
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
    arrived: dict[str, list[float]] = {ticker: [] for ticker in TICKERS}
    for each in listener.arrived:
        arrived[each.told.ticker].append(each.told.price)
    in_order = sum(_is_part_of(arrived[ticker], sent) for ticker, sent in provider.sent.items())
    last = sum(arrived[ticker][-1:] == sent[-1:] for ticker, sent in provider.sent.items())
    lags = sorted(listener.lags)
    Console().print(
        f"replay of {minutes} minutes in {spent:.0f} s: {minutes * len(TICKERS)} prices sent, "
        f"{len(listener.arrived)} predictions arrived, {len(lags)} with another price; in order for {in_order} of "
        f"{len(TICKERS)} tickers, the last price for {last}; a price was {lags[len(lags) // 2]:.2f} s old at the "
        f"median when it arrived, {lags[-1]:.2f} s at most"
    )


def _is_part_of(part: Sequence[float], whole: Sequence[float]) -> bool:
    """Whether `part`, repetitions aside, is left when some of `whole` is taken away."""
    rest = iter(whole)
    changes = [price for number, price in enumerate(part) if number == 0 or price != part[number - 1]]
    return all(price in rest for price in changes)
