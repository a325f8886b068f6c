"""What may be asked for."""

import re

from configuration import TICKER_PATTERN, Settings
from serving.contract.problems import not_found, unprocessable

_TICKER = re.compile(TICKER_PATTERN)


def check_ticker(text: str, settings: Settings) -> str:
    """The ticker in upper case.

    Raises:
        Problem: 422 when it cannot be a ticker, 404 when it is none of the configured ones.
    """
    ticker = text.upper()
    if not _TICKER.fullmatch(ticker):
        raise unprocessable(f"{text[:40]!r} is not a ticker; they look like AAPL or BRK.B")
    if ticker not in settings.tickers:
        raise not_found(f"{ticker} is not served here; GET /tickers lists those that are")
    return ticker


def check_horizon(horizon: int, settings: Settings) -> None:
    """Nothing when the horizon is configured.

    Raises:
        Problem: 422 when it is not.
    """
    if horizon not in settings.horizons:
        allowed = ", ".join(str(one) for one in settings.horizons)
        raise unprocessable(f"horizon {horizon} is not configured; the horizons are {allowed} sessions")
