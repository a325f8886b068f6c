"""Prices from Tiingo: 30 years of bars as traded with splits and dividends, and the latest price seen at IEX."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np

from configuration import Tiingo as TiingoSettings
from market.bars import COLUMNS
from market.errors import BadKey, Malformed, NoData, ProviderError, QuotaSpent, UnknownTicker
from market.providers import parsing
from market.providers.configured import Resources
from market.providers.http import TOO_FAST_PAUSE_SECONDS, HttpSource, signed
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import Quota
from market.quotes.quote import Quote
from market.series import Adjustment, Series

NAME = "tiingo"
FIRST = "1990-01-01"


class Tiingo:
    """Asks Tiingo."""

    name = NAME
    is_local = False
    full_history = True

    def __init__(
        self, settings: TiingoSettings, quota: Quota, timeout: float, pause: float = TOO_FAST_PAUSE_SECONDS
    ) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key else ""

        def sign(request: httpx.Request) -> httpx.Request:
            return signed(request, headers={"Authorization": f"Token {key}"})

        self._source = HttpSource(
            NAME, settings.base_url, quota, timeout=timeout, sign=sign, refusal=refusal, pause=pause
        )

    async def series(self, ticker: str, since: np.datetime64 | None = None) -> Series:
        """Bars as traded from `since` on, or all of them."""
        path = f"/tiingo/daily/{_symbol(ticker)}/prices"
        return parse_daily(await self._source.get(ticker, path, startDate=str(since or FIRST), format="json"), ticker)

    async def quote(self, ticker: str) -> Quote:
        """The latest price seen at IEX."""
        return parse_quote(await self._source.get(ticker, f"/iex/{_symbol(ticker)}"), ticker, datetime.now(UTC))

    async def close(self) -> None:
        """Close the connections."""
        await self._source.close()


def build(resources: Resources) -> LimitedProvider:
    """The provider with its quota."""
    settings = resources.settings.market.tiingo
    quota = resources.quota(NAME, settings.quota)
    return resources.limited(Tiingo(settings, quota, resources.settings.market.timeout), quota)


def refusal(body: bytes) -> ProviderError | None:
    """The error that an answer of any status stands for; some are plain text with HTTP 200."""
    text = body[:500].decode("utf-8", "replace").lower().lstrip(' {"')
    now = datetime.now(UTC)
    if "run over your" in text or "request allocation" in text:
        return QuotaSpent(f"{NAME}: its quota is spent", _reset(text, now))
    if text.startswith("detail"):
        if "token" in text or "authentication" in text:
            return BadKey(f"{NAME}: does not accept the key; correct TIINGO_API_KEY")
        if "not found" in text:
            return UnknownTicker(f"{NAME}: does not know this ticker")
    return None


def parse_daily(body: bytes, ticker: str) -> Series:
    """Bars as traded with splits, dividends and adjusted closes.

    Raises:
        ProviderError: the answer is an error, or not bars.
    """
    rows = _rows(body, ticker)
    dates = [parsing.session(row.get("date"), NAME) for row in rows]
    bars = parsing.bars(ticker, NAME, dates, {name: parsing.column(rows, name, NAME) for name in COLUMNS})
    splits = parsing.events(dates, rows, "splitFactor", NAME, nothing=1.0)
    dividends = parsing.events(dates, rows, "divCash", NAME, nothing=0.0)
    order = np.argsort(np.array(dates, dtype="datetime64[D]"), kind="stable")
    return parsing.series(bars, Adjustment.TRADED, splits, dividends, parsing.column(rows, "adjClose", NAME)[order])


def parse_quote(body: bytes, ticker: str, now: datetime) -> Quote:
    """The latest price; the volume is that of one exchange and is left out.

    Raises:
        ProviderError: the answer is an error, or no quote.
    """
    row = _rows(body, ticker)[0]
    parsing.check_symbol(row.get("ticker"), ticker, NAME)
    price = row.get("tngoLast") if row.get("tngoLast") is not None else row.get("last")
    at = _moment(row.get("lastSaleTimestamp") or row.get("timestamp"), ticker)
    parsing.check_begun(at, now, NAME)
    opened, high, low = (
        None if row.get(name) is None else parsing.number(row[name], NAME, name) or None
        for name in ("open", "high", "low")
    )
    return Quote(ticker, parsing.number(price, NAME, "tngoLast"), min(at, now), NAME, opened, high, low, fetched_at=now)


def _rows(body: bytes, ticker: str) -> list[Mapping[str, Any]]:
    answer = parsing.decoded(body, NAME)
    if error := refusal(body):
        raise error
    if answer == []:
        raise NoData(f"{NAME}: has no prices of {ticker}")
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Malformed(f"{NAME}: its answer for {ticker} is not a list of rows")
    return answer


def _moment(text: object, ticker: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{NAME}: quotes {ticker} without a time") from None


def _reset(text: str, now: datetime) -> datetime:
    if "hour" in text:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if "month" in text:
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return midnight + timedelta(days=1)


def _symbol(ticker: str) -> str:
    return ticker.replace(".", "-")
