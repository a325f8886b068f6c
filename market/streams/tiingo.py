"""Tiingo's stream of reference prices from IEX.

Level 6 needs no agreement with the exchange: the data of a message of type A are time, ticker and price. I answers the
subscription, H is the heartbeat, E an error with a code.

Source: https://www.tiingo.com/documentation/websockets/iex
"""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from market.errors import BadKey, ConnectionLimit, Malformed, ProviderError, Unreachable
from market.streams.price_stream import Event, Step, decoded, tick

NAME = "tiingo"
THRESHOLD_LEVEL = 6
SILENCE_SECONDS = 90.0  # three of its heartbeats
FIELDS = 3


class TiingoStream:
    """Speaks with Tiingo.

    Args:
        tickers: that are followed.
    """

    name = NAME
    silence: float | None = SILENCE_SECONDS

    def __init__(self, url: str, key: str, tickers: tuple[str, ...]) -> None:
        self.url = url
        self.tickers = tickers
        self._key = key
        self._by_symbol = {ticker.replace(".", "-").lower(): ticker for ticker in tickers}

    def reply(self, step: Step) -> str | None:
        """The subscription, with the key in it, as the first word."""
        if step is not Step.OPENED:
            return None
        wanted = {"thresholdLevel": THRESHOLD_LEVEL, "tickers": sorted(self._by_symbol)}
        return json.dumps({"eventName": "subscribe", "authorization": self._key, "eventData": wanted})

    def parse(self, message: str | bytes, now: datetime) -> list[Event]:
        """A price, the answer to the subscription, a heartbeat, or nothing.

        Raises:
            Malformed, ProviderError: as `PriceStream` says.
        """
        content = decoded(message, NAME)
        if not isinstance(content, dict):
            raise Malformed(f"{NAME}: a message is no object")
        match content.get("messageType"):
            case "A":
                return self._prices(content.get("data"), now)
            case "I":
                return [Step.SUBSCRIBED]
            case "H":
                return [Step.HEARTBEAT]
            case "E":
                raise _refusal(content.get("response"))
        raise Malformed(f"{NAME}: a message is of no known type")

    def _prices(self, data: Any, now: datetime) -> list[Event]:
        if not isinstance(data, list) or len(data) != FIELDS or not isinstance(data[1], str):
            raise Malformed(f"{NAME}: a price is not a list of time, ticker and price")
        ticker = self._by_symbol.get(data[1].lower())
        return [] if ticker is None else [tick(ticker, data[2], data[0], now, NAME)]


def _refusal(response: Any) -> ProviderError:
    given = response.get("code") if isinstance(response, dict) else None
    code = given if isinstance(given, int) else 0
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return BadKey(f"{NAME}: does not accept the key for its stream; correct TIINGO_API_KEY")
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return ConnectionLimit(f"{NAME}: gives this key no further connection")
    return Unreachable(f"{NAME}: ended its stream (code {code or 'unknown'})")
