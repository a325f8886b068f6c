"""The service on an exchange that never closes, a stand-in of Tiingo's stream, and what the service takes."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.servers import Server, ours, wait_warm
from benchmarks.streams.stand_in import TICKERS, Provider, write_bars
from configuration import ROOT
from market.calendar.sessions import Sessions

EXCHANGE = "24/7"


@dataclass(frozen=True)
class Stage:
    """Where services are started, and who sends them prices.

    Attributes:
        home: a folder that is removed at the end.
        port: on which the provider listens while `listening` is open.
    """

    home: Path
    provider: Provider
    listening: AsyncExitStack
    port: int

    @asynccontextmanager
    async def service(self, source: Path = ROOT, /, **settings: str) -> AsyncIterator["Scene"]:
        """The service of the checkout in `source`, warm, until the block ends."""
        given = {
            "STOCKS_EXCHANGE": EXCHANGE,
            "STOCKS_TICKERS": json.dumps(TICKERS),
            "STOCKS_MARKET__PROVIDERS": '["files"]',
            "STOCKS_MARKET__FILES__DIRECTORY": str(self.home / "bars"),
            "STOCKS_MARKET__STREAMS": '["tiingo"]',
            "STOCKS_MARKET__TIINGO__STREAM_URL": f"ws://127.0.0.1:{self.port}/",
            "STOCKS_SERVING__MAX_STREAMS": "1000",
            "STOCKS_SERVING__MAX_CONCURRENCY": "2000",
            "TIINGO_API_KEY": "a-key-of-this-benchmark",
        }
        home = Path(tempfile.mkdtemp(dir=self.home))
        running = ours(home, source, **given | settings)
        server = await asyncio.to_thread(running.__enter__)
        try:
            await asyncio.to_thread(wait_warm, server)
            yield Scene(server, self.provider)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Bars, and a provider that listens and says nothing yet."""
    home = Path(tempfile.mkdtemp(prefix="stocks-streams-"))
    bars = home / "bars"
    bars.mkdir()
    provider = Provider(write_bars(bars, Sessions.open(EXCHANGE, home)))
    try:
        async with AsyncExitStack() as listening:
            port = await listening.enter_async_context(provider.listening())
            yield Stage(home, provider, listening, port)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Scene:
    """One running service and its provider."""

    server: Server
    provider: Provider

    @property
    def url(self) -> str:
        """Of the service."""
        return self.server.url

    @property
    def workers(self) -> list[psutil.Process]:
        """The API workers."""
        family = psutil.Process(self.server.process.pid).children(recursive=True)
        marked = [one for one in family if "stock_prediction" in " ".join(one.cmdline())]
        return [one for one in marked if one.status() != psutil.STATUS_ZOMBIE]

    def owner(self) -> psutil.Process | None:
        """The worker that is connected to the provider, which listens in this process."""
        here = {each.laddr.port for each in psutil.Process().net_connections("tcp") if each.status == "LISTEN"}
        for worker in self.workers:
            if any(each.raddr and each.raddr.port in here for each in worker.net_connections("tcp")):
                return worker
        return None
