import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from concurrency.process_turns import ProcessTurns
from market.calendar.sessions import Sessions
from market.errors import Malformed, NoPrices, Unreachable
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.circuit_breaker import ProviderCircuitBreaker
from market.providers.provider import LimitedProvider
from market.providers.quotas.quota import LocalCounters, Quota, Usage
from market.quotes.expiry import next_request
from market.quotes.quote import Quote
from market.quotes.shared import SharedQuotes, quotes_namespace
from redis_client import connect

DOWN = Unreachable("no answer")
CLOSE = datetime(2024, 3, 11, 20, 0, tzinfo=UTC)


def quoted(price: float = 101.0, at: datetime = CLOSE, source: str = "tiingo", **more: Any) -> Quote:
    return Quote("AAPL", price, at, source, **more)


async def test_it_comes_from_the_chain_and_then_from_memory(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    market = make_market(tiingo)
    quote = await market.quote("AAPL")
    assert (quote.price, quote.at, quote.source, quote.stale, quote.held_back) == (101.0, CLOSE, "tiingo", False, None)
    assert quote.fetched_at == clock.moment
    assert quote.expires_at == clock.moment + timedelta(seconds=300)
    clock.forward(59)
    question = market.quote("AAPL")
    with pytest.raises(StopIteration) as answered:
        question.send(None)
    assert answered.value.value is quote
    assert tiingo.count("quote") == 1


async def test_many_at_once_make_one_request(make_market: Any, provider: Any, make_series: Any) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()}, before=lambda: asyncio.sleep(0.01))
    market = make_market(tiingo)
    await asyncio.gather(*(market.quote("AAPL") for _ in range(50)))
    assert (tiingo.count("quote"), tiingo.count("bars")) == (1, 1)


async def test_it_is_shared_by_processes_for_its_life_and_asked_again_after(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    first = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    market = make_market(first)
    await market.quote("AAPL")
    clock.forward(200)
    second = provider("tiingo", {}, {"AAPL": quoted(102.0)})
    other = make_market(second)
    assert (await other.quote("AAPL")).price == 101.0
    assert (await market.quote("AAPL")).price == 101.0
    clock.forward(101)
    assert (await other.quote("AAPL")).price == 102.0
    assert (await market.quote("AAPL")).price == 102.0
    assert (first.count("quote"), second.count("quote")) == (1, 1)


async def test_no_answer_outlives_it(make_market: Any, provider: Any, make_series: Any, clock: Any) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    market = make_market(tiingo, memory_ttl=60.0)
    await market.quote("AAPL")
    clock.forward(290)
    await market.quote("AAPL")  # a copy in memory made now would live 60 seconds
    clock.forward(11)
    tiingo.quotes_of["AAPL"] = quoted(102.0)
    assert (await market.quote("AAPL")).price == 102.0


async def test_the_next_provider_answers(make_market: Any, provider: Any, make_series: Any) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": DOWN})
    yahoo = provider("yahoo", {}, {"AAPL": quoted(102.0, source="yahoo")})
    quote = await make_market(tiingo, yahoo).quote("AAPL")
    assert (quote.price, quote.source) == (102.0, "yahoo")


async def test_the_last_close_serves_where_no_quote_is_to_be_had(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    series = make_series()
    quote = await make_market(provider("tiingo", {"AAPL": series}, {"AAPL": DOWN}), simulated=True).quote("AAPL")
    assert quote.price == series.bars.close[-1]
    assert (quote.at, quote.source, quote.stale) == (CLOSE, "tiingo", False)


async def test_the_last_quote_known_serves_when_it_is_newer(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.forward(16 * 3600)  # in the session of Tuesday
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted(at=clock.moment)})
    market = make_market(tiingo)
    assert not (await market.quote("AAPL")).stale
    tiingo.quotes_of["AAPL"] = DOWN
    clock.forward(400)
    quote = await market.quote("AAPL")
    assert (quote.price, quote.stale) == (101.0, True)
    clock.forward(70)
    tiingo.quotes_of["AAPL"] = quoted(103.0, at=clock.moment)
    assert (await make_market(tiingo).quote("AAPL")).price == 103.0


async def test_a_price_from_the_middle_of_a_session_that_has_closed_says_so(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.forward(16 * 3600)  # in the session of Tuesday
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted(at=clock.moment)})
    market = make_market(tiingo)
    await market.quote("AAPL")
    tiingo.quotes_of["AAPL"] = DOWN
    clock.forward(5.5 * 3600)  # half an hour after its close
    quote = await market.quote("AAPL")
    assert (quote.price, quote.stale) == (101.0, True)


async def test_old_bars_give_a_quote_that_says_so(make_market: Any, provider: Any, make_series: Any) -> None:
    quote = await make_market(provider("tiingo", {"AAPL": make_series(last="2024-03-01")})).quote("AAPL")
    assert quote.stale
    assert quote.at == datetime(2024, 3, 1, 21, 0, tzinfo=UTC)


async def test_nothing_known_is_an_error(make_market: Any, provider: Any) -> None:
    with pytest.raises(NoPrices):
        await make_market(provider("tiingo", {}, {"AAPL": quoted()})).quote("AAPL")


async def test_simulated_bars_get_a_simulated_quote_and_nothing_is_stored(
    make_market: Any, provider: Any, tmp_path: Path
) -> None:
    tiingo = provider("tiingo", {"AAPL": DOWN}, {"AAPL": quoted()})
    quote = await make_market(tiingo, simulated=True).quote("AAPL")
    assert quote.simulated
    assert tiingo.count("quote") == 0
    assert not HistoryStore(tmp_path).knows("AAPL")


@pytest.mark.parametrize("price", [59.0, 145.0])
async def test_a_quote_far_off_the_last_close_is_held_back_and_flagged(
    make_market: Any, provider: Any, make_series: Any, price: float
) -> None:
    series = make_series()
    tiingo = provider("tiingo", {"AAPL": series}, {"AAPL": quoted(price)})
    quote = await make_market(tiingo).quote("AAPL")
    assert quote.price == series.bars.close[-1]
    assert quote.stale
    assert quote.held_back is not None
    assert "held back: tiingo quotes AAPL" in quote.held_back
    assert "off the last close, without a known split" in quote.held_back


async def test_a_second_provider_that_says_the_same_is_believed(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted(50.0)})
    agrees = provider("yahoo", {}, {"AAPL": quoted(50.5, source="yahoo")})
    assert (await make_market(tiingo, agrees).quote("AAPL")).price == 50.5


async def test_a_split_explains_a_jump(make_market: Any, provider: Any, make_series: Any, clock: Any) -> None:
    clock.forward(16 * 3600)
    series = make_series(splits={np.datetime64("2024-03-12"): 4.0})
    tiingo = provider("tiingo", {"AAPL": series}, {"AAPL": quoted(25.1, at=clock.moment)})
    quote = await make_market(tiingo).quote("AAPL")
    assert (quote.price, quote.held_back) == (25.1, None)


async def test_a_split_that_the_stored_bars_do_not_know_yet_is_looked_for(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    market = make_market(tiingo)
    await market.quote("AAPL")
    clock.forward(16 * 3600)  # Tuesday, after a split
    tiingo.bars_of["AAPL"] = make_series(splits={np.datetime64("2024-03-12"): 4.0})
    tiingo.quotes_of["AAPL"] = quoted(25.1, at=clock.moment)
    quote = await market.quote("AAPL")
    assert (quote.price, quote.held_back) == (25.1, None)
    assert (await market.history("AAPL")).factor == 4.0


async def test_bars_are_not_fetched_again_and_again_for_a_quote_that_stays_far_off(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted(50.0)})
    market = make_market(tiingo)
    for _ in range(8):
        assert (await market.quote("AAPL")).held_back
        clock.forward(310)
    assert tiingo.count("bars") == 2
    tiingo.bars_of["AAPL"] = DOWN
    clock.forward(3600)
    assert (await market.quote("AAPL")).held_back


async def test_long_after_the_last_close_any_price_is_possible(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series(last="2024-02-01")}, {"AAPL": quoted(200.0)})
    assert (await make_market(tiingo).quote("AAPL")).price == 200.0


async def test_a_quote_older_than_the_last_close_is_held_back(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    old = quoted(at=datetime(2024, 3, 8, 21, 0, tzinfo=UTC))
    quote = await make_market(provider("tiingo", {"AAPL": make_series()}, {"AAPL": old})).quote("AAPL")
    assert quote.at == CLOSE
    assert quote.held_back is not None
    assert "older than the last close" in quote.held_back


async def test_a_last_trade_just_before_the_close_is_not_stale(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    trade = quoted(at=CLOSE - timedelta(seconds=3))
    assert not (await make_market(provider("tiingo", {"AAPL": make_series()}, {"AAPL": trade})).quote("AAPL")).stale


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"price": 0.0}, "quotes price 0.0"),
        ({"price": float("nan")}, "quotes price nan"),
        ({"high": -1.0}, "quotes high -1.0"),
        ({"volume": -1.0}, "a volume of -1.0"),
        ({"at": datetime(2024, 3, 11)}, "without a zone"),  # noqa: DTZ001  # the point
    ],
)
def test_what_is_no_quote_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        quoted(**changed)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def lives(sessions: Sessions, fetched: str, quote_at: str, used: int, limit: int | None = 25) -> timedelta:
    quote = quoted(at=at(quote_at), fetched_at=at(fetched))
    windows = ("1/second", f"{limit}/day") if limit else ("1/second",)
    return next_request(quote, sessions, 300, tickers=10, windows=windows, usage=Usage(used, limit)) - at(fetched)


def test_without_a_scarce_quota_a_quote_lives_its_time(sessions: Sessions) -> None:
    assert lives(sessions, "2024-03-12 15:00", "2024-03-12 15:00", 0, None) == timedelta(minutes=5)
    assert lives(sessions, "2024-03-12 15:00", "2024-03-12 15:00", 0, 100_000) == timedelta(minutes=5)


def test_an_hours_window_is_shared_out_but_for_one_request_for_each_tickers_bars(sessions: Sessions) -> None:
    quote = quoted(at=at("2024-03-12 15:00"), fetched_at=at("2024-03-12 15:00"))
    until = next_request(quote, sessions, 300, tickers=10, windows=("50/hour", "10000/day"), usage=Usage(0, 10000))
    assert until == at("2024-03-12 15:15")


def test_in_a_session_what_is_left_is_spread_to_its_close_with_a_reserve_for_after(sessions: Sessions) -> None:
    assert lives(sessions, "2024-03-12 14:00", "2024-03-12 14:00", 3) == timedelta(hours=6) * 10 / 12
    assert lives(sessions, "2024-03-12 14:00", "2024-03-12 14:00", 0) == timedelta(hours=6) * 10 / 15
    assert lives(sessions, "2024-03-12 14:00", "2024-03-12 14:00", 20) == timedelta(hours=6)  # none to spare


def test_after_the_close_a_quote_is_final_until_the_next_opening(sessions: Sessions) -> None:
    assert at("2024-03-08 22:00") + lives(sessions, "2024-03-08 22:00", "2024-03-08 21:00", 20) == at(
        "2024-03-11 13:30"
    )


def test_a_quote_that_is_behind_is_asked_for_again_as_the_quota_affords(sessions: Sessions) -> None:
    assert lives(sessions, "2024-03-12 22:00", "2024-03-11 20:00", 15) == timedelta(days=1)


async def test_a_free_key_carries_ten_tickers_through_whole_days(
    make_series: Any, sessions: Sessions, clock: Any, tmp_path: Path, provider: Any
) -> None:
    """Every ticker is asked for every half an hour, for three days and nights."""
    tickers = [f"T{number}" for number in range(10)]
    alpha = provider(
        "alpha_vantage", {ticker: make_series(ticker, last="2024-03-20", source="alpha_vantage") for ticker in tickers}
    )
    quota = Quota("alpha_vantage", ("25/day",), [LocalCounters(tmp_path)], 0, clock.now)

    async def ask(ticker: str) -> Quote:
        await quota.acquire()
        alpha.asked.append(("quote", ticker))
        running = sessions.running(clock.moment)
        moment = clock.moment if running is not None else sessions.closes(sessions.last_complete(clock.moment))
        return Quote(ticker, 100.0, moment, "alpha_vantage")

    alpha.quote = ask
    links = [LimitedProvider(alpha, ProviderCircuitBreaker("alpha_vantage", clock), quota)]
    market = Market(
        links,
        HistoryStore(tmp_path),
        sessions,
        history_ttl=1e9,
        quote_ttl=300,
        turns=ProcessTurns(tmp_path / "turns", 60.0),
        tickers=10,
        clock=clock,
    )
    asked_at: list[float] = []
    for _ in range(3 * 48):
        for ticker in tickers:
            before = alpha.count("quote")
            quote = await market.quote(ticker)
            asked_at += [clock.now()] * (alpha.count("quote") - before)
            assert quote.price > 0
            known_from = sessions.last_complete(clock.moment - timedelta(hours=24))
            assert sessions.begun(quote.at) >= known_from
        clock.forward(1800)
    moments = np.array(asked_at)
    assert max(((moments >= start) & (moments < start + 86400)).sum() for start in moments) <= 25
    assert len(moments) >= 3 * len(tickers)  # each ticker in each of the three sessions
    quota.close()


def test_quotes_are_shared_through_redis_and_the_newer_one_counts(tmp_path: Path, redis_server: Any) -> None:
    one, other = HistoryStore(tmp_path / "one"), HistoryStore(tmp_path / "other")
    client = connect(redis_server.url, 0.5)
    here, there = SharedQuotes(one, client), SharedQuotes(other, client)
    here.write(quoted(101.0), CLOSE)
    found = there.read("AAPL")
    assert found is not None
    assert (found.price, found.fetched_at) == (101.0, CLOSE)
    there.write(quoted(102.0), CLOSE + timedelta(seconds=1))
    newer = here.read("AAPL")
    assert newer is not None
    assert newer.price == 102.0
    client.set("stocks:quotes:AAPL", "nonsense")
    old = here.read("AAPL")
    assert old is not None
    assert old.price == 101.0
    redis_server.stop()
    for _ in range(2):
        here.write(quoted(103.0), CLOSE + timedelta(seconds=2))
        own = here.read("AAPL")
        assert own is not None
        assert own.price == 103.0
    client.close()


def test_trouble_with_the_store_is_no_trouble_with_the_quote(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file where the store's directory should be")
    shared = SharedQuotes(HistoryStore(tmp_path))
    with capture_logs() as lines:
        shared.write(quoted(), CLOSE)
        assert shared.read("AAPL") is None
    assert [line["event"] for line in lines] == ["quote.not_stored", "quote.unreadable"]


async def test_yesterdays_close_is_stale_while_a_session_runs_without_a_quote(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.forward(16 * 3600)  # in the session of Tuesday
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": DOWN})
    quote = await make_market(tiingo).quote("AAPL")
    assert (quote.at, quote.stale) == (CLOSE, True)


async def test_a_price_from_before_the_running_session_is_stale_whenever_it_was_fetched(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.forward(16 * 3600)
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    assert (await make_market(tiingo).quote("AAPL")).stale


async def test_a_quote_that_the_quota_stretches_is_stale_from_its_usual_life_on(
    make_series: Any, sessions: Sessions, clock: Any, tmp_path: Path, provider: Any
) -> None:
    clock.forward(16 * 3600)
    alpha = provider("alpha_vantage", {"AAPL": make_series(source="alpha_vantage")}, {"AAPL": quoted(at=clock.moment)})
    alpha.quotes_of["AAPL"] = quoted(at=clock.moment, source="alpha_vantage")
    quota = Quota("alpha_vantage", ("25/day",), [LocalCounters(tmp_path)], 0, clock.now)
    limited = [LimitedProvider(alpha, ProviderCircuitBreaker("alpha_vantage", clock), quota)]
    turns = ProcessTurns(tmp_path / "turns", 60.0)
    market = Market(limited, HistoryStore(tmp_path), sessions, history_ttl=1e9, quote_ttl=300, turns=turns, clock=clock)
    fresh = await market.quote("AAPL")
    assert (fresh.stale, fresh.expires_at) == (False, clock.moment + timedelta(seconds=300))
    clock.forward(299)
    assert not (await market.quote("AAPL")).stale
    clock.forward(2)
    assert (await market.quote("AAPL")).stale
    assert alpha.count("quote") == 1
    quota.close()


async def test_a_clock_that_is_set_back_stops_no_quotes(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": quoted()})
    market = make_market(tiingo)
    await market.quote("AAPL")
    clock.set_to(clock.moment - timedelta(hours=1))
    for _ in range(3):
        clock.forward(301)
        await market.quote("AAPL")
    assert tiingo.count("quote") == 4


def test_quotes_in_redis_are_kept_apart_by_what_they_mean(settings: Any) -> None:
    market = settings.market
    elsewhere = market.tiingo.model_copy(update={"base_url": "http://127.0.0.1:1"})
    others = [
        settings.model_copy(update={"currency": "EUR"}),
        settings.model_copy(update={"exchange": "XETR"}),
        settings.model_copy(update={"market": market.model_copy(update={"tiingo": elsewhere})}),
        settings.model_copy(update={"market": market.model_copy(update={"providers": ("yahoo",)})}),
    ]
    namespaces = {quotes_namespace(each) for each in (settings, *others)}
    assert len(namespaces) == 5
    assert quotes_namespace(settings) == quotes_namespace(settings.model_copy())
