"""Servers on this machine that play providers of streamed prices: well, badly, and in every way between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

KEY = "THEKEYOFTHISTEST"
SECRET = "THESECRETOFTHISTEST"  # noqa: S105  # looked for in logs
BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)

Play = Callable[["Playing"], Awaitable[None]]


class Playing:
    """One connection as a provider has it; `speak` and its like say things as that provider does."""

    def __init__(self, provider: str, connection: ServerConnection, heard: list[Any]) -> None:
        self.provider = provider
        self.connection = connection
        self.heard = heard

    async def accept(self) -> None:
        """Let the client in and confirm its subscription."""
        if self.provider == "alpaca":
            await self.say([{"T": "success", "msg": "connected"}])
            await self.hear()
            await self.say([{"T": "success", "msg": "authenticated"}])
        asked = await self.hear()
        if self.provider == "alpaca":
            await self.say([{"T": "subscription", "trades": asked["trades"], "quotes": [], "bars": []}])
        else:
            await self.say({"messageType": "I", "data": {"subscriptionId": 1}, "response": {"code": 200}})

    async def price(self, price: float, seconds: float, ticker: str = "AAPL") -> None:
        """Stream a price of `seconds` after the beginning."""
        await self.connection.send(price_message(self.provider, ticker, price, BEGUN + timedelta(seconds=seconds)))

    async def refuse(self, code: int) -> None:
        """Say an error, after whatever the client says first."""
        if self.provider == "alpaca":
            await self.say([{"T": "success", "msg": "connected"}])
        await self.hear()
        if self.provider == "alpaca":
            await self.say([{"T": "error", "code": code, "msg": f"refused {KEY}"}])
        else:
            await self.say({"messageType": "E", "response": {"code": code, "message": f"refused {KEY}"}})
        await self.rest()

    async def say(self, content: object) -> None:
        await self.connection.send(json.dumps(content))

    async def hear(self) -> Any:
        self.heard.append(json.loads(await self.connection.recv()))
        return self.heard[-1]

    async def rest(self) -> None:
        """Say nothing more until the client leaves."""
        await self.connection.wait_closed()


def price_message(provider: str, ticker: str, price: float, at: datetime) -> str:
    if provider == "alpaca":
        return json.dumps([{"T": "t", "S": ticker, "i": 1, "x": "V", "p": price, "s": 100, "t": at.isoformat()}])
    return json.dumps({"messageType": "A", "service": "iex", "data": [at.isoformat(), ticker.lower(), price]})


class StreamServer:
    """Plays each connection by the next of its plays; the last one stays."""

    def __init__(self, provider: str, plays: Sequence[Play]) -> None:
        self.provider = provider
        self.heard: list[Any] = []
        self.connections = 0
        self.url = ""
        self._plays = list(plays)

    async def __call__(self, connection: ServerConnection) -> None:
        self.connections += 1
        play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
        with suppress(ConnectionClosed):
            await play(Playing(self.provider, connection, self.heard))


@asynccontextmanager
async def playing(provider: str, *plays: Play, **options: Any) -> AsyncIterator[StreamServer]:
    """A server on a free port; `options` as `websockets.serve` takes them."""
    server = StreamServer(provider, plays)
    async with serve(server, "127.0.0.1", 0, close_timeout=0.1, **options) as listening:
        server.url = f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}/"
        yield server


async def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # looks at what other tasks have done
            await asyncio.sleep(0.005)
