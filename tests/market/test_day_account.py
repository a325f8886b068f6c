"""A day's account of a free key: what the service and the trainer beside it take together, and who gets a quote."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concurrency.process_turns import ProcessTurns
from market.calendar.sessions import Sessions
from market.errors import NoPrices
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.quotas.counters import LocalCounters
from market.providers.quotas.quota import Quota
from market.providers.simulated import Simulated
from market.quotes.quote import Quote

TICKERS = tuple(f"T{number}" for number in range(10))
HORIZONS = 3
STEP_SECONDS = 1800.0  # between two questions for each ticker


@dataclass
class Account:
    """What one day took and gave."""

    market: Market
    trainer: Market
    provider: Any
    quota: Quota
    clock: Any
    sessions: Sessions

    async def pass_of_the_service(self) -> list[Quote]:
        quotes = []
        for ticker in TICKERS:
            quotes.append(await self.market.quote(ticker))
            await self.market.history(ticker)
        return quotes

    async def pass_of_the_trainer(self) -> None:
        """Every model, as the queue retries them every hour."""
        for _ in range(HORIZONS):
            for ticker in TICKERS:
                try:
                    assert not (await self.trainer.for_training(ticker)).bars.simulated
                except NoPrices as error:
                    assert "no configured provider gives histories long enough" in str(error)  # noqa: PT017


OpenAccount = Callable[..., Account]


@pytest.fixture
def open_account(make_series: Any, sessions: Sessions, clock: Any, tmp_path: Path, provider: Any) -> OpenAccount:
    def opened(source: str, windows: tuple[str, ...], *, full_history: bool, start: datetime) -> Account:
        clock.set_to(start)
        count = 300 if full_history else 100
        fake = provider(source, full_history=full_history)
        quota = Quota(source, windows, [LocalCounters(tmp_path)], 0, clock.now)

        async def series(ticker: str, since: np.datetime64 | None = None) -> Any:
            await quota.acquire()
            fake.asked.append(("bars", ticker))
            last = str(sessions.last_complete(clock.moment))
            return make_series(ticker, last=last, count=count if since is None else 6, source=source)

        async def quote(ticker: str) -> Quote:
            await quota.acquire()
            fake.asked.append(("quote", ticker))
            running = sessions.running(clock.moment)
            at = clock.moment if running is not None else sessions.closes(sessions.last_complete(clock.moment))
            return Quote(ticker, 100.0, at, source)

        fake.series, fake.quote = series, quote

        def market() -> Market:
            limited = [
                LimitedProvider(fake, ProviderCircuitBreaker(source, clock), quota),
                LimitedProvider(Simulated(sessions, lambda: clock.moment)),
            ]
            turns = ProcessTurns(tmp_path / "turns", 60.0)
            store = HistoryStore(tmp_path)
            return Market(
                limited, store, sessions, history_ttl=86400, quote_ttl=300, turns=turns, tickers=10, clock=clock
            )

        return Account(market(), market(), fake, quota, clock, sessions)

    return opened


ALPHA_VANTAGE = ("alpha_vantage", ("25/day",), False)
TIINGO = ("tiingo", ("50/hour", "1000/day"), True)
BEFORE_THE_OPENING, IN_THE_SESSION = (datetime(2024, 3, 12, hour, 5, tzinfo=UTC) for hour in (13, 15))


@pytest.mark.parametrize("start", [BEFORE_THE_OPENING, IN_THE_SESSION])
@pytest.mark.parametrize("key", [ALPHA_VANTAGE, TIINGO], ids=lambda key: key[0])
async def test_every_ticker_is_quoted_through_the_sessions_of_the_first_days(
    open_account: OpenAccount, key: tuple[str, tuple[str, ...], bool], start: datetime
) -> None:
    source, windows, full_history = key
    account = open_account(source, windows, full_history=full_history, start=start)
    sources: set[str] = set()
    begun_sessions: set[np.datetime64] = set()
    for step in range(2 * 30):
        session = account.sessions.running(account.clock.moment)
        # On the first day the quota may have been spent all at once; a day later it comes back only then.
        settled = start + (timedelta(days=1, minutes=30) if begun_sessions - {session} else timedelta(minutes=30))
        for quote in await account.pass_of_the_service():
            sources.add(quote.source)
            if session is not None and account.clock.moment > settled:
                assert account.sessions.begun(quote.at) == session, (account.clock.moment, quote)
                begun_sessions.add(session)
        if step % 8 == 0:
            await account.pass_of_the_trainer()
        account.clock.forward(STEP_SECONDS)
    assert sources == {source}
    assert len(begun_sessions) == 2
    assert account.provider.count("bars") <= len(TICKERS) * 6
    account.quota.close()


@pytest.mark.parametrize("key", [ALPHA_VANTAGE, TIINGO], ids=lambda key: key[0])
async def test_the_trainer_takes_nothing_while_bars_are_stored(
    open_account: OpenAccount, key: tuple[str, tuple[str, ...], bool]
) -> None:
    source, windows, full_history = key
    account = open_account(source, windows, full_history=full_history, start=IN_THE_SESSION)
    await account.pass_of_the_service()
    before = len(account.provider.asked)
    for _ in range(10):
        await account.pass_of_the_trainer()
        account.clock.forward(3600)
    assert len(account.provider.asked) == before
    account.quota.close()


async def test_the_trainer_asks_nobody_whose_histories_are_too_short(open_account: OpenAccount) -> None:
    account = open_account("alpha_vantage", ("25/day",), full_history=False, start=IN_THE_SESSION)
    await account.pass_of_the_trainer()
    assert account.provider.asked == []
    account.quota.close()


async def test_a_persons_retrain_fetches_once_for_all_horizons(open_account: OpenAccount) -> None:
    account = open_account("tiingo", ("50/hour", "1000/day"), full_history=True, start=IN_THE_SESSION)
    await account.market.history("T0")
    account.clock.forward(60)
    asked_at = account.clock.moment
    account.clock.forward(1)
    for _ in range(HORIZONS):
        await account.trainer.for_training("T0", asked_at)
    assert account.provider.count("bars") == 2
    account.quota.close()
