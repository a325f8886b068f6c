"""Quotes and quotas on every way to run Redis."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configuration import ROOT
from market.errors import QuotaSpent
from market.history import HistoryStore
from market.quota import LocalBuckets, Quota, Usage
from market.quota_redis import RedisBuckets
from market.quote import Quote
from market.shared_quotes import SharedQuotes
from redis_client import connect
from tests.redis_servers import Deployment

AT = datetime(2024, 3, 11, 20, tzinfo=UTC)
TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META")
LIMIT = 40
TAKER = """
import asyncio, sys
from pathlib import Path
from market.errors import ProviderError
from market.quota import LocalBuckets, Quota
from market.quota_redis import RedisBuckets
from redis_client import connect

async def main():
    quota = Quota("tiingo", ["40/day"], [RedisBuckets(connect(sys.argv[2], 5.0)), LocalBuckets(Path(sys.argv[1]))])
    taken = 0
    for _ in range(40):
        try:
            await quota.acquire()
            taken += 1
        except ProviderError:
            pass
    print(taken)

asyncio.run(main())
"""


def test_a_quote_is_known_to_every_machine(any_redis: Deployment, tmp_path: Path) -> None:
    clients = [connect(any_redis.url, 5) for _ in range(2)]
    one, two = (SharedQuotes(HistoryStore(tmp_path / str(index)), client) for index, client in enumerate(clients))
    for ticker in TICKERS:
        one.write(Quote(ticker, 170.73, AT, "tiingo"), AT)

    found = [two.read(ticker) for ticker in TICKERS]

    assert [(quote.ticker, quote.price) for quote in found if quote] == [(ticker, 170.73) for ticker in TICKERS]
    for client in clients:
        client.close()


def test_two_processes_together_take_exactly_the_quota(any_redis: Deployment, tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(tmp_path), any_redis.url]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert sum(int(process.communicate(timeout=60)[0]) for process in both) == LIMIT
    assert any_redis.keys() == {b"stocks:quota:tiingo"}
    assert not (tmp_path / "quota").exists(), "nothing was counted on this machine alone"


async def test_a_clock_that_is_behind_gives_no_request_away(any_redis: Deployment, tmp_path: Path, clock: Any) -> None:
    clients = [connect(any_redis.url, 5) for _ in range(2)]
    ahead, behind = (
        Quota("tiingo", ("3/day",), [RedisBuckets(client), LocalBuckets(tmp_path)], now=now)
        for client, now in zip(clients, (clock, lambda: clock() - 0.001), strict=True)
    )
    await ahead.acquire()
    await ahead.acquire()
    await behind.acquire()

    for quota in (ahead, behind):
        with pytest.raises(QuotaSpent):
            await quota.acquire()
    for client in clients:
        client.close()


async def test_a_redis_that_forgot_the_script_is_told_again(any_redis: Deployment, tmp_path: Path) -> None:
    client = connect(any_redis.url, 5)
    quota = Quota("tiingo", ("2/day",), [RedisBuckets(client), LocalBuckets(tmp_path)])
    await quota.acquire()
    for master in any_redis.masters:
        master.ask("SCRIPT FLUSH")
    await quota.acquire()

    with pytest.raises(QuotaSpent):
        await quota.acquire()
    assert not (tmp_path / "quota").exists(), "nothing was counted on this machine alone"
    client.close()


@pytest.mark.parametrize("url", ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/the-master"])
async def test_while_all_of_it_is_away_this_machine_counts_and_remembers(tmp_path: Path, url: str) -> None:
    client = connect(url, 0.5)
    quota = Quota("tiingo", ("100/day",), [RedisBuckets(client), LocalBuckets(tmp_path)])
    quotes = SharedQuotes(HistoryStore(tmp_path), client)

    await quota.acquire()
    quotes.write(Quote("AAPL", 170.73, AT, "tiingo"), AT)

    assert await quota.usage() == Usage(1, 100)
    found = quotes.read("AAPL")
    assert found is not None
    assert found.price == 170.73
    quota.close()
    client.close()
