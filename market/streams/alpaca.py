"""Alpaca's stream of trades at IEX: lists of objects, of which `T` names the kind.

It says `connected`, wants the keys within ten seconds, says `authenticated`, wants the subscription, and confirms it.
A free plan has one connection and 30 channels of trades.

Source: https://docs.alpaca.markets/docs/streaming-market-data
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from market.errors import BadKey, ConnectionLimit, Malformed, PremiumOnly, ProviderError, Unreachable
from market.streams.price_stream import Event, Step, decoded, tick

NAME = "alpaca"
STEPS = {"connected": Step.CONNECTED, "authenticated": Step.AUTHENTICATED}
REFUSALS: Mapping[int, tuple[type[ProviderError], str]] = {
    401: (BadKey, "wants its keys first"),
    402: (BadKey, "does not accept the keys; correct APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
    404: (Unreachable, "did not get the keys in time"),
    405: (PremiumOnly, "follows fewer tickers for this plan; lower market.alpaca.channels"),
    406: (ConnectionLimit, "gives these keys no further connection; something else holds the one there is"),
    407: (Unreachable, "ended the stream, which was read too slowly"),
    409: (PremiumOnly, "does not give this stream to this plan; correct market.alpaca.stream_url"),
}


class AlpacaStream:
    """Speaks with Alpaca.

    Args:
        tickers: of which the first `channels` are followed.
    """

    name = NAME
    silence: float | None = None  # no heartbeat of its own: pings watch the connection

    def __init__(self, url: str, key_id: str, secret: str, tickers: tuple[str, ...], channels: int) -> None:
        self.url = url
        self.tickers = tickers[:channels]
        self._auth = json.dumps({"action": "auth", "key": key_id, "secret": secret})
        self._by_symbol = {ticker.replace("-", "."): ticker for ticker in self.tickers}

    def reply(self, step: Step) -> str | None:
        """The keys once connected, the subscription once they are accepted."""
        if step is Step.CONNECTED:
            return self._auth
        if step is Step.AUTHENTICATED:
            return json.dumps({"action": "subscribe", "trades": sorted(self._by_symbol)})
        return None

    def parse(self, message: str | bytes, now: datetime) -> list[Event]:
        """Trades and steps of one message.

        Raises:
            Malformed, ProviderError: as `PriceStream` says.
        """
        content = decoded(message, NAME)
        if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
            raise Malformed(f"{NAME}: a message is no list of objects")
        return [event for one in content for event in self._events(one, now)]

    def _events(self, one: Mapping[str, Any], now: datetime) -> list[Event]:
        match one.get("T"):
            case "t":
                return self._trade(one, now)
            case "success":
                step = STEPS.get(str(one.get("msg")))
                return [step] if step else []
            case "subscription":
                return [Step.SUBSCRIBED]
            case "error":
                raise _refusal(one.get("code"))
            case str():
                return []  # quotes, bars, corrections: nothing of them was asked for
        raise Malformed(f"{NAME}: a message is of no kind")

    def _trade(self, one: Mapping[str, Any], now: datetime) -> list[Event]:
        symbol = one.get("S")
        if not isinstance(symbol, str):
            raise Malformed(f"{NAME}: a trade has no symbol")
        ticker = self._by_symbol.get(symbol)
        return [] if ticker is None else [tick(ticker, one.get("p"), one.get("t"), now, NAME)]


def _refusal(code: Any) -> ProviderError:
    known = code if isinstance(code, int) else 0
    kind, meaning = REFUSALS.get(known, (Unreachable, f"ended its stream (code {known or 'unknown'})"))
    return kind(f"{NAME}: {meaning}")
