"""Prices from Yahoo through yfinance: unofficial, for personal use, off unless configured.

yfinance brings pandas along, so it runs in a process of its own, which starts with the first question and ends when
none has come for a while. See `market.providers.yahoo_worker`.
"""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from market.bars import COLUMNS
from market.calendar.sessions import Sessions
from market.errors import Malformed, NoData, ProviderError, TooFast, UnknownTicker, Unreachable
from market.providers import parsing
from market.providers.configured import Resources
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import Quota
from market.quotes.quote import Quote
from market.series import Adjustment, Series

NAME = "yahoo"
ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_SECONDS = 20.0  # to import yfinance on a busy machine
IDLE_SECONDS = 60.0  # after which the process ends
LARGEST_ANSWER_BYTES = 1 << 26  # decades of bars take about one million

ERRORS: Mapping[str, type[ProviderError]] = {
    "unknown": UnknownTicker,
    "no_data": NoData,
    "too_fast": TooFast,
    "unreachable": Unreachable,
}


class Yahoo:
    """Asks Yahoo through a process of its own."""

    name = NAME
    is_local = False
    full_history = True

    def __init__(
        self,
        base_url: str,
        quota: Quota,
        sessions: Sessions,
        *,
        timeout: float,
        home: Path,
        currency: str = "USD",
        start_timeout: float = START_TIMEOUT_SECONDS,
        python: str = sys.executable,
    ) -> None:
        self._command = [python, "-m", "market.providers.yahoo_worker", base_url, str(home / "yahoo")]
        self._quota = quota
        self._sessions = sessions
        self._timeout = timeout
        self._currency = currency
        self._start_timeout = start_timeout
        self._process: asyncio.subprocess.Process | None = None
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.TimerHandle | None = None

    @staticmethod
    def installed() -> bool:
        """Whether yfinance, an optional dependency, is there."""
        return importlib.util.find_spec("yfinance") is not None

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        """Split-adjusted bars with splits and dividends, from `since` on or all of them."""
        return parse_series(await self._ask(ticker, None if since is None else str(since)), ticker, self._currency)

    async def quote(self, ticker: str) -> Quote:
        """The close of the newest daily bar, which moves while its session runs."""
        body = await self._ask(ticker, "latest")
        return parse_quote(body, ticker, self._currency, self._sessions, datetime.now(UTC))

    async def close(self) -> None:
        """End the process."""
        if self._ending is not None:
            self._ending.cancel()
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            if self._loop is asyncio.get_running_loop():
                await process.wait()

    async def _ask(self, ticker: str, since: str | None) -> bytes:
        await self._quota.acquire()
        question = {"ticker": ticker.replace(".", "-"), "since": since, "timeout": self._timeout}
        async with self._lock():
            process = await self._started()
            try:
                async with asyncio.timeout(self._timeout):
                    return await _exchange(process, json.dumps(question).encode())
            except (TimeoutError, OSError, ValueError):
                await self.close()
                raise Unreachable(f"{NAME}: no answer for {ticker} within {self._timeout:g} s") from None
            finally:
                self._end_later()

    def _lock(self) -> asyncio.Lock:
        # Process and lock belong to the event loop that made them.
        if self._turn is None or self._loop is not asyncio.get_running_loop():
            self._loop, self._turn, self._process = asyncio.get_running_loop(), asyncio.Lock(), None
        return self._turn

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LARGEST_ANSWER_BYTES,
        )
        try:
            async with asyncio.timeout(self._start_timeout):
                ready = await _line(process)
        except (TimeoutError, OSError, ValueError):
            ready = b""
        if ready != b"ready\n":
            await self.close()
            raise Unreachable(f"{NAME}: its process did not start; is the group `yahoo` installed?")
        return process

    def _end_later(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        process = self._process
        if process is not None and process.stdin is not None:
            self._ending = asyncio.get_running_loop().call_later(IDLE_SECONDS, process.stdin.close)


def build(resources: Resources) -> LimitedProvider | None:
    """The provider with its quota, when yfinance is installed."""
    if not Yahoo.installed():
        return None
    market = resources.settings.market
    quota = resources.quota(NAME, market.yahoo.quota)
    provider = Yahoo(
        market.yahoo.base_url,
        quota,
        resources.sessions,
        timeout=market.timeout,
        home=resources.home,
        currency=resources.settings.currency,
    )
    return resources.limited(provider, quota)


async def _exchange(process: asyncio.subprocess.Process, question: bytes) -> bytes:
    if process.stdin is None:  # pragma: no cover  # it was started with pipes
        raise OSError
    process.stdin.write(question + b"\n")
    await process.stdin.drain()
    return await _line(process)


async def _line(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None:  # pragma: no cover  # it was started with pipes
        raise OSError
    line = await process.stdout.readline()
    if not line:
        raise OSError
    return line


def parse_series(body: bytes, ticker: str, currency: str) -> Series:
    """Bars from an answer of the process.

    Raises:
        ProviderError: it is an error, or not bars.
    """
    rows = _rows(body, ticker, currency)
    dates = [parsing.session(row.get("date"), NAME) for row in rows]
    bars = parsing.bars(ticker, NAME, dates, {name: parsing.column(rows, name, NAME) for name in COLUMNS})
    splits = parsing.events(dates, rows, "split", NAME, nothing=0.0)
    dividends = parsing.events(dates, rows, "dividend", NAME, nothing=0.0)
    order = np.argsort(np.array(dates, dtype="datetime64[D]"), kind="stable")
    adj_close = parsing.column(rows, "adj_close", NAME)[order]
    return parsing.series(bars, Adjustment.SPLIT, splits, dividends, adj_close)


def parse_quote(body: bytes, ticker: str, currency: str, sessions: Sessions, now: datetime) -> Quote:
    """The newest bar of an answer as a quote; its time is now while its session runs.

    Raises:
        ProviderError: it is an error, or not bars.
    """
    row = _rows(body, ticker, currency)[-1]
    day = parsing.session(row.get("date"), NAME)
    opened, high, low, close, volume = (parsing.number(row.get(name), NAME, name) for name in COLUMNS)
    parsing.check_begun(sessions.opens(day), now, NAME)
    at = now if day == sessions.running(now) else min(sessions.closes(day), now)
    return Quote(ticker, close, at, NAME, opened or None, high or None, low or None, volume, fetched_at=now)


def _rows(body: bytes, ticker: str, currency: str) -> list[Mapping[str, Any]]:
    answer = parsing.decoded(body, NAME)
    if isinstance(answer, dict) and isinstance(kind := answer.get("error"), str):
        raise ERRORS.get(kind, Unreachable)(f"{NAME}: {kind.replace('_', ' ')}: {ticker}")
    rows = answer.get("rows") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(f"{NAME}: its answer for {ticker} holds no rows")
    parsing.check_symbol(answer.get("symbol"), ticker, NAME)
    parsing.check_currency(answer.get("currency"), currency, NAME)
    if not rows:
        raise NoData(f"{NAME}: has no prices of {ticker}")
    return rows
