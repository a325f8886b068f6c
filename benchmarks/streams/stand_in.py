"""Stands for Tiingo's stream of prices, and for the bars that go with it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import simulate

TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM")
STEPS = 1000  # after which prices begin anew


class Provider:
    """Stands for Tiingo: sends what it is given to everybody who is subscribed.

    Attributes:
        sent: the prices of each ticker, in their order.
        sent_at: Unix seconds at which a ticker had a price last.
        count: of all prices sent.
        ahead: by which its clock differs from everybody's.
    """

    def __init__(self, closes: dict[str, float]) -> None:
        self.closes = closes
        self.sent: dict[str, list[float]] = {ticker: [] for ticker in closes}
        self.sent_at: dict[tuple[str, float], float] = {}
        self.count = 0
        self.ahead = timedelta()
        self._clients: set[ServerConnection] = set()

    async def __call__(self, connection: ServerConnection) -> None:
        """Confirm the subscription, then hold the connection."""
        await connection.recv()
        await connection.send(json.dumps({"messageType": "I", "response": {"code": 200}, "data": {}}))
        self._clients.add(connection)
        with suppress(ConnectionClosed):
            await connection.wait_closed()
        self._clients.discard(connection)

    async def send(self, ticker: str, price: float) -> None:
        """One price of this moment."""
        self.count += 1
        self.sent[ticker].append(price)
        self.sent_at[ticker, price] = time.time()
        data = [(datetime.now(UTC) + self.ahead).isoformat(), ticker.lower(), price]
        message = json.dumps({"messageType": "A", "service": "iex", "data": data})
        for client in list(self._clients):
            with suppress(ConnectionClosed):
                await client.send(message)

    async def tick(self) -> None:
        """A price a second of each ticker, until cancelled."""
        for number in range(10**9):
            began = time.monotonic()
            for ticker, close in self.closes.items():
                await self.send(ticker, round(close * (1 + 0.00001 * (number % STEPS + 1)), 4))
            await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - began)))

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        """The port on which it listens while the block runs."""
        async with serve(self, "127.0.0.1", port, close_timeout=0.1) as server:
            yield int(next(iter(server.sockets)).getsockname()[1])


def write_bars(folder: Path, sessions: Sessions) -> dict[str, float]:
    """Bars up to yesterday, as files; gives the last closes."""
    last = sessions.last_complete(datetime.now(UTC))
    closes = {}
    for ticker in TICKERS:
        bars: Bars = simulate(ticker, sessions.between(np.datetime64("2018-01-02"), last))[-1200:]
        columns = zip(bars.session, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        lines = ["date,open,high,low,close,volume", *(",".join(map(str, row)) for row in columns)]
        (folder / f"{ticker}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        closes[ticker] = float(bars.close[-1])
    return closes


def minute_prices(close: float, minutes: int, generator: np.random.Generator) -> list[float]:
    """A path of so many minutes from a daily close to one about 1 % off."""
    steps = np.cumsum(generator.normal(0, 0.01 / np.sqrt(minutes), minutes))
    return [round(float(price), 4) for price in close * np.exp(steps)]
