import asyncio
from datetime import timedelta
from typing import Any

import pytest

from concurrency.single_flight import SingleFlight
from market.errors import (
    BadKey,
    HeldBack,
    InvalidBars,
    Malformed,
    MarketError,
    NoData,
    Paused,
    PremiumOnly,
    QuotaSpent,
    TooFast,
    UnknownTicker,
    Unreachable,
)
from market.providers.circuit_breaker import ProviderCircuitBreaker


def fail(guard: ProviderCircuitBreaker, error: MarketError, ticker: str = "AAPL") -> None:
    with pytest.raises(type(error)), guard.asking(ticker, "bars"):
        raise error


def is_asked(guard: ProviderCircuitBreaker, ticker: str = "AAPL", what: str = "bars") -> bool:
    try:
        with guard.asking(ticker, what):
            return True
    except Paused:
        return False


def test_a_dead_provider_is_left_alone_for_every_ticker_and_longer_each_time(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    for pause in (30, 60, 120, 240, 480, 600, 600):
        fail(guard, Unreachable("no answer"))
        assert not is_asked(guard, "MSFT")
        clock.forward(pause - 1)
        assert not is_asked(guard)
        assert guard.state == "open"
        clock.forward(1.1)


async def test_requests_that_fail_together_are_one_failure(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)

    async def ask(ticker: str) -> None:
        with guard.asking(ticker, "bars"):
            await asyncio.sleep(0)
            raise Unreachable("no answer")

    outcomes = await asyncio.gather(*(ask(f"T{number}") for number in range(10)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 10  # all were asked
    clock.forward(30.1)
    assert is_asked(guard)


def test_one_answer_closes_it_again(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, Unreachable("no answer"))
    clock.forward(31)
    assert is_asked(guard)
    fail(guard, Unreachable("no answer"))
    clock.forward(31)  # the first pause again, not the second
    assert is_asked(guard)


def test_after_a_failure_one_request_tries_while_the_others_go_past(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, Unreachable("no answer"))
    clock.forward(31)
    with guard.asking("AAPL", "bars"):
        assert not is_asked(guard, "MSFT")
    assert is_asked(guard, "MSFT")


@pytest.mark.parametrize(
    ("error", "pause"),
    [(TooFast("x"), 5), (BadKey("x"), 3600)],
)
def test_other_troubles_of_the_provider_pause_it_too(clock: Any, error: MarketError, pause: float) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, error)
    assert not is_asked(guard, "MSFT")
    clock.forward(pause + 0.1)
    assert is_asked(guard, "MSFT")


def test_a_spent_quota_pauses_until_its_reset(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, QuotaSpent("spent", clock.moment + timedelta(hours=3)))
    clock.forward(3 * 3600 - 1)
    assert not is_asked(guard, "MSFT")
    clock.forward(2)
    assert is_asked(guard, "MSFT")


@pytest.mark.parametrize("error", [UnknownTicker("x"), NoData("x"), PremiumOnly("x")])
def test_what_it_does_not_have_is_not_asked_for_again_for_a_day(clock: Any, error: MarketError) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, error)
    assert not is_asked(guard)
    assert is_asked(guard, what="quote")
    assert is_asked(guard, "MSFT")
    assert guard.state == "closed"
    clock.forward(86401)
    assert is_asked(guard)


@pytest.mark.parametrize("error", [Malformed("x"), HeldBack("x"), InvalidBars("AAPL", "x")])
def test_one_tickers_trouble_is_not_anothers(clock: Any, error: MarketError) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, error)
    assert not is_asked(guard)
    assert is_asked(guard, "MSFT")
    clock.forward(301)
    assert is_asked(guard)


def test_nonsense_three_times_in_a_row_is_the_providers_trouble(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    for ticker in ("AAPL", "MSFT", "NVDA"):
        fail(guard, Malformed("a web page"), ticker)
    assert not is_asked(guard, "META")
    clock.forward(31)
    assert is_asked(guard, "META")


def test_a_request_that_is_given_up_leaves_no_trace(clock: Any) -> None:
    guard = ProviderCircuitBreaker("tiingo", clock)
    fail(guard, Unreachable("no answer"))
    clock.forward(31)
    with pytest.raises(asyncio.CancelledError), guard.asking("AAPL", "bars"):
        raise asyncio.CancelledError
    assert is_asked(guard)


async def test_many_who_ask_for_the_same_share_one_flight() -> None:
    flights, started = SingleFlight[int](), 0

    async def work() -> int:
        nonlocal started
        started += 1
        await asyncio.sleep(0.01)
        return 7

    assert await asyncio.gather(*(flights.join("AAPL", work) for _ in range(50))) == [7] * 50
    assert started == 1
    assert await flights.join("AAPL", work) == 7
    assert started == 2


async def test_one_who_gives_up_does_not_stop_the_flight() -> None:
    flights, release = SingleFlight[int](), asyncio.Event()

    async def work() -> int:
        await release.wait()
        return 7

    impatient = asyncio.ensure_future(flights.join("AAPL", work))
    patient = asyncio.ensure_future(flights.join("AAPL", work))
    await asyncio.sleep(0)
    impatient.cancel()
    release.set()
    assert await patient == 7
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_all_share_the_failure_too() -> None:
    flights = SingleFlight[int]()

    async def work() -> int:
        await asyncio.sleep(0)
        raise Unreachable("no answer")

    outcomes = await asyncio.gather(*(flights.join("AAPL", work) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 3
