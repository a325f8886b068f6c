"""Quotes and quotas on every way to run Redis."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from market.errors import QuotaSpent
from market.history.sqlite_store import HistoryStore
from market.providers.quotas.quota import LocalCounters, Quota, Usage
from market.providers.quotas.redis_quota import RedisCounters
from market.quotes.quote import Quote
from market.quotes.shared import SharedQuotes
from redis_client import connect
from tests.market.takers import taken_by_processes
from tests.redis_servers import Deployment

AT = datetime(2024, 3, 11, 20, tzinfo=UTC)
TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META")


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
    assert sum(taken_by_processes(tmp_path, any_redis.url)) == 40
    assert any_redis.keys() == {b"stocks:quota:tiingo"}
    assert not (tmp_path / "quota").exists(), "nothing was counted on this machine alone"


async def test_a_clock_that_is_behind_gives_no_request_away(any_redis: Deployment, tmp_path: Path, clock: Any) -> None:
    clients = [connect(any_redis.url, 5) for _ in range(2)]
    ahead, behind = (
        Quota("tiingo", ("3/day",), [RedisCounters(client), LocalCounters(tmp_path)], now=now)
        for client, now in zip(clients, (clock.now, lambda: clock.now() - 0.001), strict=True)
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
    quota = Quota("tiingo", ("2/day",), [RedisCounters(client), LocalCounters(tmp_path)])
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
    quota = Quota("tiingo", ("100/day",), [RedisCounters(client), LocalCounters(tmp_path)])
    quotes = SharedQuotes(HistoryStore(tmp_path), client)

    await quota.acquire()
    quotes.write(Quote("AAPL", 170.73, AT, "tiingo"), AT)

    assert await quota.usage() == Usage(1, 100)
    found = quotes.read("AAPL")
    assert found is not None
    assert found.price == 170.73
    quota.close()
    client.close()
