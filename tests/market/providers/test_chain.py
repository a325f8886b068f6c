"""One provider's trouble is never the chain's: whatever it raises, the next gets its turn."""

import logging
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from configuration import Tiingo as TiingoSettings
from market.errors import InvalidBars, NoPrices, UnknownTicker
from market.providers.chain import Chain
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider, Provider
from market.providers.quotas.quota import MemoryCounters, Quota
from market.providers.tiingo import Tiingo
from market.series import Series
from tests.market.breakers import state_of

TICKERS = ("AAPL", "MSFT", "NVDA", "META")


def chain_of(*providers: Provider) -> Chain:
    breakers = [None if each.is_local else ProviderCircuitBreaker(each.name) for each in providers]
    return Chain([LimitedProvider(*each) for each in zip(providers, breakers, strict=True)])


async def bars(chain: Chain, ticker: str) -> Series:
    return await chain.first(ticker, "bars", chain.providers, lambda each: each.series(ticker))


@pytest.mark.parametrize("is_local", [True, False])
async def test_an_exception_that_nobody_foresaw_is_the_failure_of_its_provider(
    provider: Any, make_series: Any, *, is_local: bool
) -> None:
    broken = provider("files", dict.fromkeys(TICKERS, KeyError("SECRETKEY")), is_local=is_local)
    other = provider("tiingo", {ticker: make_series(ticker) for ticker in TICKERS})
    chain = chain_of(broken, other)
    with capture_logs() as lines:
        assert [(await bars(chain, ticker)).source for ticker in TICKERS] == ["tiingo"] * 4
    events = [line for line in lines if line["event"] == "provider.broken"]
    assert len(events) == (4 if is_local else 3)  # three in a row are no ticker's fault: it is not asked any more
    assert (events[0]["provider"], events[0]["error"]) == ("files", "KeyError")
    assert "SECRETKEY" not in str(lines)
    assert is_local or state_of(chain, "files") == "open"
    assert state_of(chain, "tiingo") == "closed"


async def test_a_key_that_no_header_carries_neither_breaks_the_chain_nor_shows_itself(
    server: Any, played: Any, provider: Any, make_series: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.play(played(b"[]"))
    good = TiingoSettings(base_url=server.url, api_key=None, quota=(), stream_url="ws://localhost")
    other = provider("yahoo", {ticker: make_series(ticker, source="yahoo") for ticker in TICKERS})
    for key in ("SECRETKEYé1234", "SECRETKEY\n"):
        settings = good.model_copy(update={"api_key": SecretStr(key)})  # which settings would refuse
        chain = chain_of(Tiingo(settings, Quota("tiingo", (), [MemoryCounters()]), 5.0), other)
        with capture_logs() as lines:
            assert [(await bars(chain, ticker)).source for ticker in TICKERS] == ["yahoo"] * 4
        assert "SECRETKEY" not in str(lines) + caplog.text
        assert "Unreachable" not in str(lines)
        await chain.close()
    assert server.paths == []


async def test_when_the_last_breaks_the_reason_is_among_those_of_the_chain(provider: Any) -> None:
    chain = chain_of(provider("tiingo", {"AAPL": ZeroDivisionError("SECRETKEY")}))
    with pytest.raises(NoPrices, match="tiingo: asking for AAPL failed unforeseen: ZeroDivisionError at conf") as told:
        await bars(chain, "AAPL")
    assert "SECRETKEY" not in str(told.value)


async def test_what_a_person_must_mend_is_a_warning_once_for_each_reason_until_it_is_mended(
    provider: Any, make_series: Any
) -> None:
    answers: dict[str, Any] = {"AAPL": InvalidBars("AAPL", "AAPL.csv:3: the line is empty; delete it")}
    chain = chain_of(provider("files", answers, is_local=True))
    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(NoPrices):
                await bars(chain, "AAPL")
        assert chain.local_faults() == ["AAPL: AAPL.csv:3: the line is empty; delete it"]
        answers["AAPL"] = UnknownTicker("AAPL: no file AAPL.csv; put its bars there")
        with pytest.raises(NoPrices):
            await bars(chain, "AAPL")
        assert chain.local_faults() == ["AAPL: no file AAPL.csv; put its bars there"]
        answers["AAPL"] = make_series("AAPL")
        await bars(chain, "AAPL")

    assert chain.local_faults() == []
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("provider.failed", "warning"),
        ("provider.failed", "warning"),
        ("provider.mended", "info"),
    ]


async def test_a_missing_file_is_no_fault_where_another_provider_has_the_ticker_but_a_broken_one_is(
    provider: Any, make_series: Any
) -> None:
    answers: dict[str, Any] = {"AAPL": UnknownTicker("AAPL: no file"), "MSFT": InvalidBars("MSFT", "MSFT.csv:3: empty")}
    other = provider("tiingo", {ticker: make_series(ticker) for ticker in answers})
    chain = chain_of(provider("files", answers, is_local=True), other)

    assert [(await bars(chain, ticker)).source for ticker in answers] == ["tiingo", "tiingo"]

    assert chain.local_faults() == ["MSFT: MSFT.csv:3: empty"]
