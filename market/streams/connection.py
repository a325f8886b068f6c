"""One connection to a provider, from its beginning to the reason why it ended."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from market.clock import Clock
from market.errors import BadKey, ConnectionLimit, Malformed, ProviderError, Unreachable
from market.streams.price_stream import Event, PriceStream, Step, Tick

MOST_MALFORMED = 20  # messages in a row
LARGEST_MESSAGE_BYTES = 2**20
# The library logs whole messages, keys included, for whoever asks for its debug lines.
SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)  # noqa: LOG001  # out of every configuration's reach

log = structlog.get_logger(__name__)

Take = Callable[[Sequence[Tick]], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that are waited for.

    Attributes:
        opening: the connection.
        subscription: the answer to the subscription, from the opening on.
        ping: between two pings, and for the answer to one.
        closing: the provider's farewell.
    """

    opening: float = 10.0
    subscription: float = 10.0
    ping: float = 10.0
    closing: float = 1.0


async def listen(
    stream: PriceStream, take: Take, subscribed: Callable[[], None], clock: Clock, patience: Patience
) -> NoReturn:
    """Give every price to `take` until the connection ends.

    Args:
        subscribed: called once prices may come.

    Raises:
        ProviderError: always; it says why the connection ended. No sentence of the provider is in it, and no key.
    """
    opening = connect(
        stream.url,
        open_timeout=patience.opening,
        ping_interval=patience.ping,
        ping_timeout=patience.ping,
        close_timeout=patience.closing,
        max_size=LARGEST_MESSAGE_BYTES,
        logger=SILENT,
    )
    try:
        async with opening as connection:
            await _Conversation(stream, connection, take, clock, patience).hold(subscribed)
    except InvalidStatus as error:
        raise _refused(stream.name, error.response.status_code) from None
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else "none"
        raise Unreachable(f"{stream.name}: its stream was closed (code {code})") from None
    except (OSError, WebSocketException) as error:
        # Not chained: what it says may hold what was sent.
        raise Unreachable(f"{stream.name}: its stream cannot be reached: {type(error).__name__}") from None
    raise AssertionError  # pragma: no cover  # a conversation ends with an error


class _Conversation:
    """What is said on one open connection."""

    def __init__(
        self,
        stream: PriceStream,
        connection: ClientConnection,
        take: Take,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._take = take
        self._clock = clock
        self._patience = patience
        self._malformed = 0

    async def hold(self, subscribed: Callable[[], None]) -> NoReturn:
        """Subscribe, then listen.

        Args:
            subscribed: called in between.

        Raises:
            ProviderError, ConnectionClosed, WebSocketException: it ended.
        """
        name = self._stream.name
        try:
            async with asyncio.timeout(self._patience.subscription):
                await self._say(Step.OPENED)
                while Step.SUBSCRIBED not in await self._hear():
                    pass
        except TimeoutError:
            raise Unreachable(f"{name}: did not answer the subscription") from None
        subscribed()
        try:
            while True:
                async with asyncio.timeout(self._stream.silence):
                    await self._hear()
        except TimeoutError:
            raise Unreachable(f"{name}: its stream fell silent") from None

    async def _hear(self) -> list[Event]:
        message = await self._connection.recv()
        try:
            events = self._stream.parse(message, self._clock.moment)
        except Malformed as error:
            self._count_malformed(error)
            return []
        self._malformed = 0
        self._take([event for event in events if isinstance(event, Tick)])
        for event in events:
            if isinstance(event, Step):
                await self._say(event)
        return events

    async def _say(self, step: Step) -> None:
        if words := self._stream.reply(step):
            await self._connection.send(words)

    def _count_malformed(self, error: ProviderError) -> None:
        if self._malformed == 0:
            log.warning("stream.message_ignored", provider=self._stream.name, reason=str(error))
        self._malformed += 1
        if self._malformed >= MOST_MALFORMED:
            raise Malformed(f"{self._stream.name}: {self._malformed} messages in a row cannot be read")


def _refused(name: str, status: int) -> ProviderError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return BadKey(f"{name}: does not accept the key for its stream (HTTP {status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ConnectionLimit(f"{name}: gives this key no further connection (HTTP {status})")
    return Unreachable(f"{name}: its stream cannot be reached (HTTP {status})")
