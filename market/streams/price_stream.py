"""What a provider of streamed prices is: where it is, what it is told, and how its messages are read."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Protocol

from market.errors import Malformed
from market.providers import parsing


@dataclass(frozen=True, slots=True)
class Tick:
    """One price.

    Attributes:
        price: as traded, in the quote currency; positive.
        at: when it was the price, UTC, by the provider's clock.
    """

    ticker: str
    price: float
    at: datetime


class Step(Enum):
    """What a message says beside prices; `OPENED` is the beginning, before any message."""

    OPENED = auto()
    CONNECTED = auto()
    AUTHENTICATED = auto()
    SUBSCRIBED = auto()
    HEARTBEAT = auto()


Event = Tick | Step


class PriceStream(Protocol):
    """One provider's way to talk, without any connection."""

    @property
    def name(self) -> str:
        """Of the provider, as in `source` of its quotes."""

    @property
    def url(self) -> str:
        """Where it listens."""

    @property
    def tickers(self) -> tuple[str, ...]:
        """Those that are followed."""

    @property
    def silence(self) -> float | None:
        """Seconds without any message after which the connection is dead; None where quiet is nothing unusual."""

    def reply(self, step: Step) -> str | None:
        """What is sent after `step`, keys included; None for nothing."""

    def parse(self, message: str | bytes, now: datetime) -> list[Event]:
        """What one message says, in its order; what concerns nobody here is left out.

        Raises:
            Malformed: the message cannot be read, or holds an impossible price.
            ProviderError: it says why there will be no prices.
        """


def tick(ticker: str, price: object, at: object, now: datetime, who: str) -> Tick:
    """A checked tick.

    Raises:
        Malformed: the price is no positive number, or the time no moment that has come.
    """
    number = parsing.number(price, who, "price")
    if number <= 0:
        raise Malformed(f"{who}: streams {number} for {ticker}, which is no price")
    moment = parsing.moment(at, who)
    parsing.check_begun(moment, now, who)
    return Tick(ticker, number, moment)


def decoded(message: str | bytes, who: str) -> Any:
    """JSON of any shape.

    Raises:
        Malformed: it is none.
    """
    return parsing.decoded(message if isinstance(message, bytes) else message.encode(errors="replace"), who)
