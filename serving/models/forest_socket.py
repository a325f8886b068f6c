"""Rows to the forests' process and their outputs back, over a socket of their own.

A call through BentoML's client and server costs both processes over a millisecond, whatever it carries; here a tenth.
A message is four bytes that say how long it is, and its content as MessagePack. Each question has one answer, in order.
"""

import asyncio
import json
import os
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from serving.models.onnx_sessions import Output, Row

# BentoML tells each process that it starts where the services are, by their names.
ADDRESSES = "BENTOML_RUNNER_MAP"
LENGTH = struct.Struct("<I")
RETRY_SECONDS = 0.02

Answer = Callable[[list[Row]], Sequence[Output]]

_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(list[Row]).decode
_outputs = msgspec.msgpack.Decoder(list[Output]).decode


def socket_of(service: str) -> Path | None:
    """Where a service of this server takes rows, in a folder for the server's user alone; None where none is near."""
    address = urlsplit(json.loads(os.environ.get(ADDRESSES, "{}")).get(service, ""))
    return Path(unquote(address.path)).with_suffix(".rows") if address.scheme == "file" else None


async def listen(path: Path, answer: Answer) -> asyncio.Server:
    """Answer by `answer` each message that comes to the socket `path`, which takes the place of an earlier one."""
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(lambda: _Answering(answer), str(path))


class RemoteForests:
    """The forests of another process, by one connection that is made anew when it is lost."""

    def __init__(self, path: Path) -> None:
        """Reach them by the socket `path`, which may come later."""
        self._path = path
        self._connection: _Asking | None = None
        self._connecting = asyncio.Lock()

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Output]:
        """The outputs for rows, in their order; without end while nobody listens.

        Raises:
            ConnectionError: the process ended before it answered.
        """
        connection = self._connection
        if connection is None or connection.is_lost:
            connection = await self._connect()
        return await connection.ask(rows)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _connect(self) -> "_Asking":
        async with self._connecting:
            while self._connection is None or self._connection.is_lost:
                try:
                    _, self._connection = await asyncio.get_running_loop().create_unix_connection(
                        _Asking, str(self._path)
                    )
                except OSError:
                    await asyncio.sleep(RETRY_SECONDS)
            return self._connection


class _Messages(asyncio.Protocol, ABC):
    """Sends and receives whole messages."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(received)[0]
            if len(received) < end:
                return
            message = bytes(received[LENGTH.size : end])
            del received[:end]
            self.take(message)

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_lost = True

    @abstractmethod
    def take(self, message: bytes) -> None:
        """Do what a message asks for."""

    def send(self, content: object) -> None:
        message = _encode(content)
        self._transport.write(LENGTH.pack(len(message)) + message)  # type: ignore[attr-defined]  # it is a stream's

    def close(self) -> None:
        self._transport.close()


class _Answering(_Messages):
    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def take(self, message: bytes) -> None:
        self.send(self._answer(_rows(message)))


class _Asking(_Messages):
    def __init__(self) -> None:
        super().__init__()
        self._asked: deque[asyncio.Future[Sequence[Output]]] = deque()

    async def ask(self, rows: Sequence[Row]) -> Sequence[Output]:
        answered: asyncio.Future[Sequence[Output]] = asyncio.get_running_loop().create_future()
        self._asked.append(answered)
        self.send(rows)
        return await answered

    def take(self, message: bytes) -> None:
        answered = self._asked.popleft()
        if not answered.done():  # whoever asked may have waited too long
            answered.set_result(_outputs(message))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        while self._asked:
            answered = self._asked.popleft()
            if not answered.done():
                answered.set_exception(ConnectionResetError("the forests' process has ended"))
