"""The streams as configured."""

from typing import TYPE_CHECKING

from configuration import Settings
from market.providers.configured import Resources
from market.quotes.shared import quotes_namespace
from market.streams.live_prices import LivePrices, NoStreams

if TYPE_CHECKING:
    from market.streams.price_stream import PriceStream


def configured_streams(resources: Resources) -> LivePrices:
    """The streams that `market.streams` names; what they need is imported only then."""
    settings, redis = resources.settings, resources.redis
    if not settings.market.streams:
        return NoStreams()
    from market.streams.board import Board
    from market.streams.ownership import Ownership, RedisLock
    from market.streams.streams import Streams

    folder, name = resources.home / "streams", f"{quotes_namespace(settings)}:streams"
    lock = RedisLock(redis, f"{name}:owner", folder / "machine") if redis is not None else None
    providers = [_provider(settings, stream) for stream in settings.market.streams]
    board = Board(folder / "latest.json", redis, f"{name}:latest")
    return Streams(providers, board, Ownership(folder / "owner.lock", lock), resources.sessions)


def _provider(settings: Settings, name: str) -> "PriceStream":
    market = settings.market
    if name == "tiingo":
        from market.streams.tiingo import TiingoStream

        key = market.tiingo.api_key
        return TiingoStream(market.tiingo.stream_url, key.get_secret_value() if key else "", settings.tickers)
    from market.streams.alpaca import AlpacaStream

    alpaca = market.alpaca
    key_id, secret = (key.get_secret_value() if key else "" for key in (alpaca.key_id, alpaca.secret_key))
    return AlpacaStream(alpaca.stream_url, key_id, secret, settings.tickers, alpaca.channels)
