"""What listeners see while a part of the streams fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.servers import redis_server
from benchmarks.streams.listeners import listeners, read_all, seen, until_streamed
from benchmarks.streams.scene import Stage
from configuration import ROOT

LISTENERS = 16
TTL, AFTERWARDS, GONE = 3.0, 12.0, 8.0  # seconds


async def faults(stage: Stage) -> None:
    """Print it."""
    table = Table(title=f"Faults, two workers, {LISTENERS} listeners, a price a second, quotes live {TTL:g} s")
    for name in ("what fails", "longest pause between two prices", "streamed", "asked for", "old and unmarked"):
        table.add_column(name)
    settings = {"STOCKS_SERVING__WORKERS": "2", "STOCKS_MARKET__QUOTE_TTL": str(TTL)}
    with redis_server() as redis:
        async with stage.service(ROOT, **settings, REDIS_URL=redis.url) as scene:

            @asynccontextmanager
            async def watched(name: str) -> AsyncIterator[None]:
                async with listeners(scene.url, LISTENERS, stage.provider.sent_at, keeps=True) as made:
                    await asyncio.gather(*(until_streamed(listener) for listener in made))
                    began = time.time()
                    yield
                    await asyncio.sleep(AFTERWARDS)
                    await read_all(made)
                    table.add_row(name, *seen([one for one in made if not one.ended], began, TTL))

            async with watched("nothing"):
                pass
            for attempt in range(3):
                async with watched(f"the worker that owns the streams is killed ({attempt + 1})"):
                    if owner := scene.owner():
                        owner.kill()
            async with watched("Redis is killed"):
                redis.kill()
            async with watched("Redis is back"):
                redis.start()
            async with watched(f"the provider is gone for {GONE:g} s"):
                await stage.listening.aclose()
                await asyncio.sleep(GONE)
                await stage.listening.enter_async_context(stage.provider.listening(stage.port))
            for hours in (1, -1):
                async with watched(f"the provider's clock is set {hours:+d} h for {GONE:g} s"):
                    stage.provider.ahead = timedelta(hours=hours)
                    await asyncio.sleep(GONE)
                    stage.provider.ahead = timedelta()
    Console(width=150).print(table)
