"""The key of a provider stays with it: everything that is written while every failure is played is looked through."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from concurrency.process_turns import ProcessTurns
from configuration import AlphaVantage as AlphaSettings
from configuration import Tiingo as TiingoSettings
from market.calendar.sessions import Sessions
from market.errors import MarketError
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.alpha_vantage import AlphaVantage
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider, Provider
from market.providers.quotas.quota import LocalCounters, Quota
from market.providers.tiingo import Tiingo
from tests.patience import PATIENT

ROOT = Path(__file__).resolve().parents[3]
KEY = "SECRETKEY123"

BODIES = [
    b'{"Information": "We have detected your API key as SECRETKEY123 and our standard API rate limit is 25 requests "}',
    b'{"Information": "SECRETKEY123: please consider spreading out your requests, 1 request per second"}',
    b'{"Information": "SECRETKEY123 premium endpoint"}',
    b'{"Information": "SECRETKEY123 did something new"}',
    b'{"Error Message": "Invalid API call SECRETKEY123"}',
    b'{"Error Message": "the parameter apikey is invalid or missing: SECRETKEY123"}',
    b'{"Note": "SECRETKEY123 5 calls per minute"}',
    b'{"Global Quote": {"05. price": "SECRETKEY123"}}',
    b'{"Time Series (Daily)": {"SECRETKEY123": {}}}',
    b'{"detail": "Invalid token SECRETKEY123."}',
    b"You have run over your SECRETKEY123 hourly request allocation",
    b'[{"date": "SECRETKEY123"}]',
    b"SECRETKEY123",
    b"<html>SECRETKEY123</html>",
    b"{}",
    b"[]",
]


@pytest.mark.parametrize("broken", [{}, {"status": 500}, {"status": 429}, {"status": 401}, {"raw": b"no HTTP"}])
async def test_the_key_is_nowhere(
    server: Any,
    played: Any,
    sessions: Sessions,
    tmp_path: Path,
    *,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    broken: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")  # which the service silences
    written = []
    for body in BODIES[: 3 if broken else None]:
        server.play(played(**{"body": body} | broken))
        market = open_market(server.url, sessions, tmp_path)
        for ask in (market.quote, market.history, market.fetch):
            try:
                await ask("AAPL")
            except MarketError as error:
                written += [str(error), repr(error), shown(error)]
        written += [str(await market.usage())]
        await market.close()
    assert server.paths  # it was asked, with the key
    assert any(KEY in path for path in server.paths)
    assert any(KEY in headers.get("Authorization", "") for headers in server.headers)
    written += [record.getMessage() + str(record.__dict__) for record in caplog.records]
    written += files_under(tmp_path) + list(capfd.readouterr())
    assert any("HTTP Request" in text for text in written) or "raw" in broken  # httpx logs every URL
    assert not [text for text in written if KEY in text]


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["alpha_vantage", "tiingo"])
def test_the_command_writes_it_nowhere_either(server: Any, played: Any, tmp_path: Path, provider: str) -> None:
    server.play(*(played(body) for body in BODIES))
    environment = os.environ | {
        "STOCKS_HOME": str(tmp_path),
        f"{provider.upper()}_API_KEY": KEY,
        f"STOCKS_MARKET__{provider.upper()}__BASE_URL": server.url,
        f"STOCKS_MARKET__{provider.upper()}__QUOTA": "[]",
        "STOCKS_MARKET__PROVIDERS": f'["{provider}"]',
    }
    command = [sys.executable, "-X", "dev", "-m", "market", "fetch", "--tickers", "AAPL,MSFT,NVDA"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENT, check=False
    )
    assert done.returncode == 1
    assert "no prices from any provider" in done.stderr
    asked = [*server.paths, *(headers.get("Authorization", "") for headers in server.headers)]
    assert any(KEY in each for each in asked)
    assert not [text for text in (done.stdout, done.stderr, *files_under(tmp_path)) if KEY in text]


def open_market(url: str, sessions: Sessions, home: Path) -> Market:
    places = [LocalCounters(home)]
    alpha = AlphaSettings(base_url=f"{url}/query", api_key=SecretStr(KEY), quota=("1000/day",), premium=True)
    tiingo = TiingoSettings(base_url=url, api_key=SecretStr(KEY), quota=("1000/day",), stream_url="ws://localhost")
    quotas = [Quota(name, ("1000/day",), places) for name in ("alpha_vantage", "tiingo")]
    providers: tuple[Provider, ...] = (
        AlphaVantage(alpha, quotas[0], sessions, 1.0, pause=0.01),
        Tiingo(tiingo, quotas[1], 1.0, pause=0.01),
    )
    limited = [
        LimitedProvider(provider, ProviderCircuitBreaker(provider.name), quota)
        for provider, quota in zip(providers, quotas, strict=True)
    ]
    turns = ProcessTurns(home / "turns", 60.0)
    return Market(limited, HistoryStore(home), sessions, history_ttl=1, quote_ttl=1, turns=turns)


def files_under(directory: Path) -> list[str]:
    return [path.read_bytes().decode("latin-1") for path in directory.rglob("*") if path.is_file()]


def shown(error: BaseException) -> str:
    """All that a traceback with the values of local variables would print about our own errors and their causes."""
    chain, texts = [error], []
    while chain:
        one = chain.pop()
        texts += [str(one), repr(one), str(one.args)]
        chain += [other for other in (one.__cause__, None if one.__suppress_context__ else one.__context__) if other]
    return "\n".join(texts)


def test_settings_do_not_show_it() -> None:
    settings = TiingoSettings(
        base_url="http://localhost", api_key=SecretStr(KEY), quota=(), stream_url="ws://localhost"
    )
    assert KEY not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
