"""The market as the program opens it."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from configuration import Settings
from market.errors import NoPrices
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.quotes.quote import Quote

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 3.0
TICKERS = ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA", "META", "NVDA", "NFLX", "ORCL", "CRM")


def changed(settings: Settings, **market: Any) -> Settings:
    sections = {
        name: getattr(settings.market, name).model_copy(update=values)
        for name, values in market.items()
        if isinstance(values, dict)
    }
    plain = {name: value for name, value in market.items() if not isinstance(value, dict)}
    return settings.model_copy(update={"market": settings.market.model_copy(update=sections | plain)})


async def test_a_first_run_without_network_and_keys_answers_at_once_and_says_simulated(settings: Settings) -> None:
    market = Market.open(settings)
    started = time.monotonic()
    for ticker in TICKERS:
        assert (await market.history(ticker)).bars.simulated
        quote = await market.quote(ticker)
        assert (quote.source, quote.stale) == ("simulated", False)
    assert time.monotonic() - started < settings.market.timeout
    assert await market.usage() == {}
    await market.close()


@pytest.mark.parametrize("source", ["simulated", "tiingo"])
async def test_a_dead_provider_costs_one_time_out_and_not_one_for_each_ticker(
    settings: Settings, server: Any, played: Any, make_series: Any, source: str
) -> None:
    server.play(played(delay=30))
    if source == "tiingo":  # stored on another day, and due
        for ticker in TICKERS:
            HistoryStore(settings.home).replace(make_series(ticker), datetime.now(UTC) - timedelta(days=2))
    dead = {"base_url": server.url, "api_key": SecretStr("key")}
    market = Market.open(changed(settings, tiingo=dead, timeout=TIMEOUT, providers=("tiingo", "simulated")))
    times = []
    for ticker in TICKERS:
        started = time.monotonic()
        assert (await market.quote(ticker)).source == source
        assert (await market.history(ticker)).bars.source == source
        times.append(time.monotonic() - started)
    assert times[0] >= TIMEOUT  # it was asked
    assert len(server.paths) == 1  # and the others did not ask
    assert sum(times[1:]) < TIMEOUT * 9  # whatever else this machine does
    assert await market.usage() == {"tiingo": {"used_today": 1, "limit_today": 1000}}
    await market.close()


async def test_both_providers_with_their_keys_in_the_configured_order(
    settings: Settings, server: Any, played: Any
) -> None:
    server.play(played(b'{"Information": "premium endpoint"}'))
    key = {"base_url": server.url, "api_key": SecretStr("key")}
    market = Market.open(changed(settings, tiingo=key, alpha_vantage=key, providers=("alpha_vantage", "tiingo")))
    with pytest.raises(NoPrices):
        await market.history("AAPL")
    assert list(await market.usage()) == ["alpha_vantage", "tiingo"]
    await market.close()


async def test_redis_shares_quotes_and_its_absence_costs_nothing(
    settings: Settings, redis_server: Any, real_bars: Path
) -> None:
    cache = settings.cache.model_copy(update={"redis_url": SecretStr(redis_server.url)})
    shared = changed(settings, files={"directory": real_bars}, providers=("files",)).model_copy(update={"cache": cache})
    market = Market.open(shared)
    redis_server.stop()
    assert isinstance(await market.quote("AAPL"), Quote)
    await market.close()


def test_serving_loads_neither_pandas_nor_what_brings_it() -> None:
    program = "import sys, json, market.market, market.__main__; print(json.dumps(sorted(sys.modules)))"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    loaded = {name.partition(".")[0] for name in json.loads(output)}
    assert not loaded & {
        "pandas",
        "yfinance",
        "exchange_calendars",
        "curl_cffi",
        "requests",
        "sklearn",
        "mlflow",
        "bentoml",
        "httpx",  # unless a provider is asked over the network
        "redis",  # unless it is configured
    }
    assert "numpy" in loaded
