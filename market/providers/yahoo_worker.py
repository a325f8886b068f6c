"""The process that runs yfinance: one question a line on standard input, one answer a line on standard output.

`python -m market.providers.yahoo_worker BASE_URL CACHE_DIRECTORY`; it ends with its input.
"""

import json
import logging
import sys
from typing import Any

import requests
import yfinance
from requests.adapters import HTTPAdapter
from yfinance import exceptions

DEFAULT_BASE_URL = "https://query2.finance.yahoo.com"
NOT_FOUND = 404
FIRST = "1990-01-01"
COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
    "Stock Splits": "split",
    "Dividends": "dividend",
}


class Elsewhere(HTTPAdapter):
    """Sends every request to one base URL, whatever host yfinance asks for."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url.rstrip("/")

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send the request to the same path below the base URL."""
        request.url = self._base_url + request.path_url
        return super().send(request, *arguments, **options)


def session_for(base_url: str) -> requests.Session | None:
    """None for Yahoo itself: yfinance then makes a session that Yahoo takes for a browser's."""
    if base_url == DEFAULT_BASE_URL:
        return None
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Elsewhere(base_url))
    return session


def answer(question: dict[str, Any], session: requests.Session | None) -> dict[str, Any]:
    """The rows that were asked for, or the kind of error."""
    since = question["since"]
    window = {"period": "5d"} if since == "latest" else {"start": since or FIRST}
    ticker = yfinance.Ticker(question["ticker"], session=session)
    try:
        frame = ticker.history(
            **window, auto_adjust=False, actions=True, timeout=question["timeout"], raise_errors=True
        )
    except exceptions.YFRateLimitError:
        return {"error": "too_fast"}
    except exceptions.YFTickerMissingError:
        return {"error": "unknown"}
    except exceptions.YFException:
        return {"error": "no_data"}
    except Exception as error:  # noqa: BLE001  # whatever yfinance stumbles over, the next provider is asked
        status = getattr(getattr(error, "response", None), "status_code", None)
        return {"error": "unknown" if status == NOT_FOUND else "unreachable"}
    # A session that has not traded yet, or was halted, has no prices.
    frame = frame.dropna(subset=["Open", "High", "Low", "Close"]).rename(columns=COLUMNS)
    rows = frame[list(COLUMNS.values())].to_dict("records")
    about = ticker.history_metadata or {}
    named = {"symbol": about.get("symbol"), "currency": about.get("currency")}
    return named | {"rows": [{"date": str(day.date()), **row} for day, row in zip(frame.index, rows, strict=True)]}


def main(base_url: str, cache: str) -> None:
    """Answer until standard input ends."""
    logging.disable()
    yfinance.set_tz_cache_location(cache)
    session = session_for(base_url)
    print("ready", flush=True)  # noqa: T201  # the protocol
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), session)), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main(*sys.argv[1:])
