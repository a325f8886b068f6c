"""A provider's stream, connected again whenever it ends."""

from dataclasses import dataclass

import stamina
import structlog

from market.clock import Clock
from market.errors import BadKey, ConnectionLimit, Malformed, PremiumOnly, ProviderError, Unreachable
from market.streams.connection import Patience, listen
from market.streams.latest_prices import LatestPrices
from market.streams.price_stream import PriceStream

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before the next connection.

    Attributes:
        first, longest: after a failure; the pause doubles from one failure to the next.
        jitter: at most added at random, so that clients that were cut off together do not come back together.
        steady: a connection that lived so long makes the next failure a first one.
        limit: after the provider refused a further connection.
        refusal: after it refused the key or the plan, which only a person can change.
    """

    first: float = 1.0
    longest: float = 60.0
    jitter: float = 1.0
    steady: float = 60.0
    limit: float = 30.0
    refusal: float = 600.0

    def after(self, error: Exception) -> bool | float:
        """Whether, or after how many seconds, to connect again."""
        if isinstance(error, BadKey | PremiumOnly):
            return self.refusal
        return self.limit if isinstance(error, ConnectionLimit) else isinstance(error, Malformed | Unreachable)


async def follow(
    stream: PriceStream,
    prices: LatestPrices,
    clock: Clock,
    patience: Patience | None = None,
    pauses: Pauses | None = None,
) -> None:
    """Put the prices of `stream` into `prices` until cancelled."""
    waiting, tolerated = pauses or Pauses(), patience or Patience()
    while True:
        retries = stamina.retry_context(
            on=waiting.after,
            attempts=None,
            timeout=None,
            wait_initial=waiting.first,
            wait_max=waiting.longest,
            wait_jitter=waiting.jitter,
        )
        async for attempt in retries:
            with attempt:
                await _connect(stream, prices, clock, tolerated, waiting.steady)


async def _connect(stream: PriceStream, prices: LatestPrices, clock: Clock, patience: Patience, steady: float) -> None:
    """One connection; its end is a failure unless it had lived for `steady` seconds.

    Raises:
        ProviderError: why it ended.
    """
    name, begun_at = stream.name, clock.elapsed()

    def subscribed() -> None:
        log.info("stream.connected", provider=name, tickers=len(stream.tickers))

    try:
        await listen(stream, lambda ticks: prices.take(name, ticks), subscribed, clock, patience)
    except ProviderError as error:
        prices.report.interrupted(name)
        log.warning("stream.interrupted", provider=name, reason=str(error))
        if clock.elapsed() - begun_at < steady:
            raise
    finally:
        prices.interrupt(name)
