"""Prices from Alpha Vantage: quotes, the last 100 sessions, and with a paid key whole histories.

Its failures come with HTTP 200 and a sentence; the sentence for a spent day repeats the key, so none is ever passed on.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np

from configuration import AlphaVantage as AlphaVantageSettings
from market.bars import COLUMNS
from market.calendar.sessions import Sessions
from market.errors import (
    BadKey,
    Malformed,
    NoData,
    PremiumOnly,
    ProviderError,
    QuotaSpent,
    TooFast,
    UnknownTicker,
)
from market.providers import parsing
from market.providers.configured import Resources
from market.providers.http import TOO_FAST_PAUSE_SECONDS, HttpSource, signed
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import Quota
from market.quotes.quote import Quote
from market.series import Adjustment, Events, Series
from market.splits import SMALLEST_JUMP

NAME = "alpha_vantage"
COMPACT_SPAN = timedelta(days=130)  # fewer than 100 sessions, as many as the compact size has
NEW_YORK = ZoneInfo("America/New_York")


class AlphaVantage:
    """Asks Alpha Vantage."""

    name = NAME
    is_local = False

    def __init__(
        self,
        settings: AlphaVantageSettings,
        quota: Quota,
        sessions: Sessions,
        timeout: float,
        pause: float = TOO_FAST_PAUSE_SECONDS,
    ) -> None:
        self.full_history = settings.premium
        self._sessions = sessions
        key = settings.api_key.get_secret_value() if settings.api_key else ""

        def sign(request: httpx.Request) -> httpx.Request:
            return signed(request, params={"apikey": key})

        self._source = HttpSource(
            NAME, settings.base_url, quota, timeout=timeout, sign=sign, refusal=refusal, pause=pause
        )

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        """Bars as traded with their splits: the whole history with a paid key, else the last 100 sessions."""
        if not self.full_history:
            return await self._recent(ticker)
        recent = since is not None and np.datetime64(datetime.now(UTC).date(), "D") - since < COMPACT_SPAN
        size = "compact" if recent else "full"
        body = await self._ask(ticker, "TIME_SERIES_DAILY_ADJUSTED", outputsize=size)
        return parse_daily(body, ticker)

    async def quote(self, ticker: str) -> Quote:
        """The latest price; its time is now while its session runs, else the close of its session."""
        return parse_quote(await self._ask(ticker, "GLOBAL_QUOTE"), ticker, self._sessions, datetime.now(UTC))

    async def close(self) -> None:
        """Close the connections."""
        await self._source.close()

    async def _recent(self, ticker: str) -> Series:
        series = parse_daily(await self._ask(ticker, "TIME_SERIES_DAILY", outputsize="compact"), ticker)
        overnight = np.log(series.bars.open[1:] / series.bars.close[:-1])
        if not (np.abs(overnight) > SMALLEST_JUMP).any():
            return series  # no split can hide in it: one request saved
        splits = parse_splits(await self._ask(ticker, "SPLITS"), ticker)
        return Series(series.bars, series.adjustment, splits, series.dividends, series.adj_close)

    async def _ask(self, ticker: str, function: str, **params: str) -> bytes:
        return await self._source.get(ticker, function=function, symbol=ticker, **params)


def build(resources: Resources) -> LimitedProvider:
    """The provider with its quota."""
    settings = resources.settings.market.alpha_vantage
    quota = resources.quota(NAME, settings.quota)
    provider = AlphaVantage(settings, quota, resources.sessions, resources.settings.market.timeout)
    return resources.limited(provider, quota)


def refusal(body: bytes) -> ProviderError | None:
    """The error that an answer of any status stands for; None when it may hold prices."""
    try:
        answer = parsing.decoded(body, NAME)
    except Malformed:
        return None
    if not isinstance(answer, dict):
        return None
    for key in ("Information", "Error Message", "Note"):
        if isinstance(text := answer.get(key), str):
            return _meaning(text.lower())
    return None


def parse_daily(body: bytes, ticker: str) -> Series:
    """Bars of TIME_SERIES_DAILY, or with splits, dividends and adjusted closes of TIME_SERIES_DAILY_ADJUSTED.

    Raises:
        ProviderError: the answer is an error, or not bars.
    """
    table = _table(body, ticker, "Time Series (Daily)")
    parsing.check_symbol(_symbol(body), ticker, NAME)
    dates = [parsing.session(date, NAME) for date in table]
    rows = [_named(row) for row in table.values()]
    columns = {name: parsing.column(rows, name, NAME) for name in COLUMNS}
    bars = parsing.bars(ticker, NAME, dates, columns)
    if not all("adjusted close" in row for row in rows):
        return Series(bars, Adjustment.TRADED)
    adjusted = dict(zip(dates, parsing.column(rows, "adjusted close", NAME).tolist(), strict=True))
    splits = parsing.events(dates, rows, "split coefficient", NAME, nothing=1.0)
    dividends = parsing.events(dates, rows, "dividend amount", NAME, nothing=0.0)
    adj_close = np.array([adjusted[date] for date in bars.session])
    return parsing.series(bars, Adjustment.TRADED, splits, dividends, adj_close)


def parse_splits(body: bytes, ticker: str) -> Events:
    """Ratios by session.

    Raises:
        ProviderError: the answer is an error, or not splits.
    """
    answer = _answer(body, ticker)
    parsing.check_symbol(answer.get("symbol"), ticker, NAME)
    rows = answer.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed(f"{NAME}: its answer for {ticker} holds no list of splits")
    splits = {}
    for row in rows:
        ratio = parsing.number(row.get("split_factor"), NAME, "split_factor")
        if ratio <= 0:
            raise Malformed(f"{NAME}: a split of {ticker} is impossible")
        splits[parsing.session(row.get("effective_date"), NAME)] = ratio
    return splits


def parse_quote(body: bytes, ticker: str, sessions: Sessions, now: datetime) -> Quote:
    """The quote of GLOBAL_QUOTE.

    Raises:
        ProviderError: the answer is an error, or no quote.
    """
    row = _named(_table(body, ticker, "Global Quote"))
    parsing.check_symbol(row.get("symbol"), ticker, NAME)
    day = parsing.session(row.get("latest trading day"), NAME)
    if day > np.datetime64(now.astimezone(NEW_YORK).date(), "D"):
        raise Malformed(f"{NAME}: quotes {ticker} of {day}, which has not begun")
    price, opened, high, low, volume = (
        parsing.number(row.get(field), NAME, field) for field in ("price", "open", "high", "low", "volume")
    )
    at = now if day == sessions.running(now) else min(sessions.closes(day), now)
    # A session without a trade yet has zeros.
    return Quote(ticker, price, at, NAME, opened or None, high or None, low or None, volume, fetched_at=now)


def _answer(body: bytes, ticker: str) -> Mapping[str, Any]:
    answer = parsing.decoded(body, NAME)
    if error := refusal(body):
        raise error
    if not isinstance(answer, dict):
        raise Malformed(f"{NAME}: its answer for {ticker} is not an object")
    return answer


def _table(body: bytes, ticker: str, key: str) -> Mapping[str, Any]:
    answer = _answer(body, ticker)
    if answer == {} or answer.get(key) == {}:
        raise UnknownTicker(f"{NAME}: does not know {ticker}")
    table = answer.get(key)
    if not isinstance(table, dict):
        raise Malformed(f"{NAME}: its answer for {ticker} has no {key!r}")
    return table


def _symbol(body: bytes) -> object:
    """The symbol in the description of a series, None where there is no description."""
    description = parsing.decoded(body, NAME).get("Meta Data")
    return _named(description).get("Symbol") if isinstance(description, dict) else None


def _named(row: object) -> dict[str, Any]:
    """Fields by name, without the ordinals, which differ between endpoints."""
    if not isinstance(row, dict):
        raise Malformed(f"{NAME}: a row is not an object")
    return {str(key).partition(". ")[2] or str(key): value for key, value in row.items()}


def _meaning(text: str) -> ProviderError:
    """What a sentence in place of prices says."""
    for phrases, error in MEANINGS:
        if any(phrase in text for phrase in phrases):
            return error()
    return NoData(f"{NAME}: answered with a sentence that is not known")


def _next_day(now: datetime) -> datetime:
    """Midnight in New York, where its day is taken to begin."""
    tomorrow = now.astimezone(NEW_YORK).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, NEW_YORK).astimezone(UTC)


# In this order: the sentence about bursts also names the limit of the day, the one about the day no burst.
MEANINGS: tuple[tuple[tuple[str, ...], Callable[[], ProviderError]], ...] = (
    (("spreading out", "per second", "calls per minute"), lambda: TooFast(f"{NAME}: asked too fast")),
    (
        ("requests per day", "rate limit is"),
        lambda: QuotaSpent(f"{NAME}: the quota of the day is spent", _next_day(datetime.now(UTC))),
    ),
    (
        ("premium endpoint", "premium feature"),
        lambda: PremiumOnly(f"{NAME}: the key does not pay for this; set market.alpha_vantage.premium to false"),
    ),
    (("demo",), lambda: BadKey(f"{NAME}: the key is the demo key; give your own in ALPHA_VANTAGE_API_KEY")),
    (("apikey is invalid",), lambda: BadKey(f"{NAME}: does not accept the key; correct ALPHA_VANTAGE_API_KEY")),
    (("invalid api call",), lambda: UnknownTicker(f"{NAME}: has nothing under this ticker")),
)
