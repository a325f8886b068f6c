import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from concurrency.process_turns import ProcessTurns
from market.calendar.sessions import Sessions
from market.errors import MarketError, NoPrices, Unreachable
from market.history.merge import merged
from market.history.quality import Kind
from market.history.sqlite_store import HistoryStore
from market.market import Market
from market.providers.files import Files
from market.providers.provider import LimitedProvider
from market.series import Adjustment, Series
from tests.sqlite_files import REFUSE, damage, is_whole

DOWN = Unreachable("no answer")
WAIT_SECONDS = "market.history.service.WAIT_SECONDS"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for newer bars however busy the machine is, where a test is not about that wait."""
    monkeypatch.setattr(WAIT_SECONDS, 60.0)


async def test_a_first_question_goes_to_the_chain_and_the_next_ones_to_memory(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    first = await market.history("AAPL")
    assert (len(first.bars), first.bars.source, first.stale, first.factor) == (300, "tiingo", False, 1.0)
    assert first.fetched_at == clock.moment
    for _ in range(10):
        assert await market.history("AAPL") is first
    assert tiingo.count("bars") == 1


async def test_many_at_once_make_one_fetch(make_market: Any, provider: Any, make_series: Any) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, before=lambda: asyncio.sleep(0.02))
    market = make_market(tiingo)
    histories = await asyncio.gather(*(market.history("AAPL") for _ in range(100)))
    assert len({id(history) for history in histories}) == 1
    assert tiingo.count("bars") == 1


async def test_a_known_answer_needs_no_input_or_output(make_market: Any, provider: Any, make_series: Any) -> None:
    market = make_market(provider("tiingo", {"AAPL": make_series()}))
    known = await market.history("AAPL")
    question = market.history("AAPL")
    with pytest.raises(StopIteration) as answered:  # it returns before it would wait for anything
        question.send(None)
    assert answered.value.value is known


async def test_what_was_looked_at_longest_ago_leaves_the_memory_and_comes_back_from_the_store(
    make_market: Any, provider: Any, make_series: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market.history.memory.MOST_IN_MEMORY", 2)
    tickers = ["AAPL", "MSFT", "TSLA"]
    tiingo = provider("tiingo", {ticker: make_series(ticker) for ticker in tickers})
    market = make_market(tiingo)
    first = [await market.history(ticker) for ticker in tickers]

    again = await market.history("AAPL")

    assert again is not first[0]
    assert len(again.bars) == len(first[0].bars)
    assert await market.history("TSLA") is first[2]
    assert tiingo.count("bars") == 3


@pytest.fixture
def only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One whole history is held at a time."""
    monkeypatch.setattr("market.history.memory.MOST_IN_MEMORY", 1)


@pytest.mark.usefixtures("only_one")
async def test_of_what_left_the_memory_the_last_bars_answer_until_newer_ones_are_known(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {ticker: make_series(ticker, count=900) for ticker in ("AAPL", "MSFT")})
    market = make_market(tiingo)
    whole = await market.history("AAPL")
    assert await market.recent("AAPL") is whole
    await market.history("MSFT")

    recent = await market.recent("AAPL")

    assert len(recent.bars) == 600
    np.testing.assert_array_equal(recent.bars.close, whole.bars.close[-600:])
    assert market.held("AAPL") is await market.recent("AAPL") is recent
    clock.forward(61)
    assert await market.recent("AAPL") is recent
    assert tiingo.count("bars") == 2

    await make_market(tiingo).fetch("AAPL")  # as another process does
    clock.forward(61)
    newer = await market.recent("AAPL")
    assert newer.fetched_at > recent.fetched_at
    assert len(newer.bars) == 900


@pytest.mark.usefixtures("only_one")
async def test_a_file_that_changes_is_noticed_though_only_its_last_bars_are_held(
    make_market: Any, sessions: Sessions, tmp_path: Path, clock: Any
) -> None:
    folder = tmp_path / "bars"
    folder.mkdir()
    lines = [
        f"{day},10,11,9,10,1000" for day in sessions.between(np.datetime64("2020-01-02"), np.datetime64("2024-03-11"))
    ]
    for ticker in ("AAPL", "MSFT"):
        (folder / f"{ticker}.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines[:-1]]) + "\n")
    market = make_market(Files(folder, sessions))
    for ticker in ("AAPL", "MSFT"):
        await market.history(ticker)
    recent = await market.recent("AAPL")
    clock.forward(3)
    assert await market.recent("AAPL") is recent
    assert len(recent.bars) == 600

    (folder / "AAPL.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines]) + "\n")
    clock.forward(3)

    assert str((await market.recent("AAPL")).bars.session[-1]) == "2024-03-11"
    assert (await market.quote("AAPL")).price == 10


async def test_a_restart_reads_the_store(make_market: Any, provider: Any, make_series: Any) -> None:
    await make_market(provider("tiingo", {"AAPL": make_series()})).history("AAPL")
    again = provider("tiingo", {"AAPL": make_series()})
    history = await make_market(again).history("AAPL")
    assert len(history.bars) == 300
    assert again.asked == []


async def test_after_a_day_only_the_tail_is_fetched(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    await market.history("AAPL")
    clock.forward(86400 + 60)
    tiingo.bars_of["AAPL"] = make_series(last="2024-03-12", count=301)
    history = await market.history("AAPL")
    assert tiingo.since == [None, np.datetime64("2024-03-05")]
    assert len(history.bars) == 301
    assert not history.stale
    np.testing.assert_array_equal(history.bars.close, make_series(last="2024-03-12", count=301).bars.close)
    assert len((await make_market(provider("tiingo")).history("AAPL")).bars) == 301  # stored as well


async def test_a_session_that_closed_is_fetched_before_the_day_is_over(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.forward(16 * 3600)  # Tuesday, in the session
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    assert not (await market.history("AAPL")).stale
    clock.forward(6 * 3600)  # 21:00, an hour after the close: not published yet
    assert not (await market.history("AAPL")).stale
    assert tiingo.count("bars") == 1
    clock.forward(1.1 * 3600)
    assert (await market.history("AAPL")).stale  # asked, and the provider has it not
    assert tiingo.count("bars") == 2
    clock.forward(600)
    await market.history("AAPL")
    assert tiingo.count("bars") == 2
    clock.forward(4 * 3600)
    tiingo.bars_of["AAPL"] = make_series(last="2024-03-12", count=301)
    assert not (await market.history("AAPL")).stale
    assert tiingo.count("bars") == 3


async def test_the_running_session_is_no_bar(make_market: Any, provider: Any, make_series: Any, clock: Any) -> None:
    clock.forward(16 * 3600)
    for local in (False, True):
        name = "files" if local else "tiingo"
        partial = provider(name, {"AAPL": make_series(last="2024-03-12", count=301, source=name)}, is_local=local)
        market = make_market(partial)
        history = await market.history("AAPL")
        assert history.bars.session[-1] == np.datetime64("2024-03-11")
        clock.forward(5)
        assert (await market.history("AAPL")).bars.session[-1] == np.datetime64("2024-03-11")


async def test_the_next_provider_gives_the_whole_window(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    yahoo = provider("yahoo", {"AAPL": make_series(source="yahoo", price=50.0, adjustment=Adjustment.SPLIT)})
    market = make_market(tiingo, yahoo)
    await market.history("AAPL")
    clock.forward(86401)
    tiingo.bars_of["AAPL"] = DOWN
    history = await market.history("AAPL")
    assert history.bars.source == "yahoo"
    assert yahoo.since == [None]
    assert history.bars.close.max() < 60  # nothing of the other provider's series


async def test_when_all_fail_the_old_bars_serve_and_say_so(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo, simulated=True)
    await market.history("AAPL")
    tiingo.bars_of["AAPL"] = DOWN
    clock.forward(2 * 86400)
    history = await market.history("AAPL")
    assert history.bars.source == "tiingo"  # not simulated
    assert history.stale
    asked = tiingo.count("bars")
    await market.history("AAPL")
    assert tiingo.count("bars") == asked
    clock.forward(3600)
    tiingo.bars_of["AAPL"] = make_series(last="2024-03-13", count=302)
    assert not (await market.history("AAPL")).stale


async def test_simulated_bars_answer_only_where_nothing_real_is_known_and_are_not_kept(
    make_market: Any, provider: Any, make_series: Any, clock: Any, tmp_path: Path
) -> None:
    tiingo = provider("tiingo", {"AAPL": DOWN, "MSFT": make_series("MSFT")})
    market = make_market(tiingo, simulated=True)
    assert (await market.history("AAPL")).bars.simulated
    assert not HistoryStore(tmp_path).knows("AAPL")
    clock.forward(40)
    tiingo.bars_of["AAPL"] = make_series()
    assert (await market.history("AAPL")).bars.source == "tiingo"
    tiingo.bars_of["AAPL"] = DOWN
    clock.forward(90000)
    assert not (await market.history("AAPL")).bars.simulated
    restarted = make_market(provider("tiingo", {"AAPL": DOWN}), simulated=True)
    assert not (await restarted.history("AAPL")).bars.simulated


async def test_known_bars_and_quotes_do_not_wait_for_a_provider_that_takes_its_time(
    make_market: Any, provider: Any, make_series: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()}, {"AAPL": DOWN})
    market = make_market(tiingo)
    old, close = await market.history("AAPL"), await market.quote("AAPL")
    release = asyncio.Event()
    tiingo.before = release.wait
    tiingo.bars_of["AAPL"] = make_series(last="2024-03-12", count=301)
    clock.forward(86401)
    with monkeypatch.context() as patched:
        patched.setattr(WAIT_SECONDS, 0.05)
        assert len((await market.history("AAPL")).bars) == len(old.bars)
        assert (await market.history("AAPL")).stale  # and it says so
        assert (await market.quote("AAPL")).price == close.price
    release.set()
    clock.forward(1.1)
    assert len((await market.history("AAPL")).bars) == 301
    assert tiingo.count("bars") == 2


async def test_nothing_from_anywhere_is_an_error_with_every_reason(make_market: Any, provider: Any) -> None:
    market = make_market(provider("tiingo", {"AAPL": DOWN}), provider("yahoo"))
    with pytest.raises(NoPrices, match=r"^AAPL: no prices from any provider: no answer; yahoo: does not know it$"):
        await market.history("AAPL")
    with pytest.raises(NoPrices, match=r"none of `market\.providers` can answer here"):
        await make_market().history("AAPL")


async def test_a_provider_without_whole_histories_is_asked_last(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    alpha = provider("alpha_vantage", {"AAPL": make_series(count=100, source="alpha_vantage")}, full_history=False)
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(alpha, tiingo, simulated=True)
    assert (await market.history("AAPL")).bars.source == "tiingo"
    assert alpha.asked == []


async def test_its_bars_are_better_than_simulated_ones_and_grow(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    alpha = provider("alpha_vantage", {"AAPL": make_series(count=100, source="alpha_vantage")}, full_history=False)
    market = make_market(alpha, simulated=True)
    history = await market.history("AAPL")
    assert (history.bars.source, len(history.bars)) == ("alpha_vantage", 100)
    alpha.bars_of["AAPL"] = make_series(count=100, last="2024-03-13", source="alpha_vantage")
    clock.forward(2 * 86400)
    assert len((await market.history("AAPL")).bars) == 102


async def test_its_bars_never_replace_longer_ones(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    alpha = provider("alpha_vantage", {"AAPL": make_series(count=100, source="alpha_vantage")}, full_history=False)
    market = make_market(alpha, tiingo)
    await market.history("AAPL")
    tiingo.bars_of["AAPL"] = DOWN
    clock.forward(86401)
    assert len((await market.history("AAPL")).bars) == 300
    assert alpha.asked == []


@pytest.mark.parametrize("change", ["scaled", "split", "hole", "adjustment", "adj_close"])
async def test_an_adjustment_since_the_last_fetch_fetches_everything_again(
    make_market: Any, provider: Any, make_series: Any, clock: Any, change: str
) -> None:
    stored = make_series(last="2024-03-11")
    tiingo = provider("tiingo", {"AAPL": stored})
    market = make_market(tiingo)
    await market.history("AAPL")
    new = make_series(last="2024-03-12", count=301)
    tiingo.bars_of["AAPL"] = {
        "scaled": make_series(last="2024-03-12", count=301, price=50.0),
        "split": Series(new.bars, new.adjustment, {np.datetime64("2024-03-12"): 2.0}),
        "hole": Series(new.bars[-1:], new.adjustment),
        "adjustment": make_series(last="2024-03-12", count=301, adjustment=Adjustment.SPLIT),
        "adj_close": Series(new.bars, new.adjustment, adj_close=new.bars.close),
    }[change]
    clock.forward(86401)
    history = await market.history("AAPL")
    assert tiingo.since[-1] is None
    assert len(history.bars) == (1 if change == "hole" else 301)


async def test_a_correction_is_taken_and_a_second_fetch_of_the_same_adds_little(
    make_market: Any, provider: Any, make_series: Any, clock: Any, tmp_path: Path
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    await market.history("AAPL")
    clock.forward(10)
    await market.fetch("AAPL")
    with sqlite3.connect(tmp_path / "history" / "prices.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM bars").fetchone()[0] == 301
    connection.close()
    volume = make_series().bars.volume.copy()
    volume[-1] += 5
    bars = make_series().bars
    tiingo.bars_of["AAPL"] = Series(
        type(bars)("AAPL", "tiingo", bars.session, bars.open, bars.high, bars.low, bars.close, volume),
        Adjustment.TRADED,
    )
    history = await market.fetch("AAPL")
    assert history.bars.volume[-1] == volume[-1]
    stored = HistoryStore(tmp_path).read("AAPL")
    assert stored is not None
    np.testing.assert_array_equal(stored.series.bars.volume, volume)


async def test_fetch_asks_whatever_the_age_and_fails_when_nobody_answers(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    await market.history("AAPL")
    await market.fetch("AAPL")
    assert tiingo.count("bars") == 2
    tiingo.bars_of["AAPL"] = DOWN
    with pytest.raises(NoPrices):
        await market.fetch("AAPL")
    assert len((await market.history("AAPL")).bars) == 300


async def test_what_another_process_stored_is_found_within_a_minute(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    await market.history("AAPL")
    clock.forward(30)
    other = make_market(provider("tiingo", {"AAPL": make_series(last="2024-03-11", count=310)}))
    await other.fetch("AAPL")
    assert len((await market.history("AAPL")).bars) == 300
    clock.forward(31)
    assert (await market.history("AAPL")).fetched_at == clock.moment - timedelta(seconds=31)
    assert tiingo.count("bars") == 1


async def test_a_split_since_the_last_bar_changes_the_unit_of_all_bars(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    series = make_series(splits={np.datetime64("2024-03-12"): 4.0})
    market = make_market(provider("tiingo", {"AAPL": series}))
    before = await market.history("AAPL")
    assert before.factor == 1.0
    clock.forward(15 * 3600)  # Tuesday, the session has opened
    after = await market.history("AAPL")
    assert after.factor == 4.0
    np.testing.assert_allclose(after.bars.close * 4, before.bars.close)


async def test_a_finding_is_logged_once_however_often_the_bars_are_loaded(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    bars = {ticker: make_series(ticker, count=31) for ticker in ("ONE", "TWO")}
    with capture_logs() as lines:
        for _ in range(2):
            market = make_market(provider("tiingo", bars_of=bars))
            for ticker in bars:
                await market.fetch(ticker)
                await market.fetch(ticker)
    assert [line["ticker"] for line in lines if line["event"] == "bars.finding"] == ["ONE", "TWO"]

    clock.forward(4 * 86400)
    with capture_logs() as lines:
        await market.history("ONE")

    (new,) = [line for line in lines if line["event"] == "bars.finding"]
    assert "before the last one" in new["finding"]


async def test_what_is_unusual_about_simulated_prices_is_not_logged(make_market: Any) -> None:
    market = make_market(simulated=True)
    with capture_logs() as lines:
        for number in range(30):
            assert (await market.history(f"X{number}")).bars.simulated
    assert not lines


async def test_findings_travel_with_the_bars(make_market: Any, provider: Any, make_series: Any) -> None:
    market = make_market(provider("tiingo", {"AAPL": make_series(count=30)}))
    assert [finding.kind for finding in (await market.history("AAPL")).findings] == [Kind.SHORT]


async def test_what_is_unusual_is_logged_unless_the_prices_are_invented(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    market = make_market(provider("tiingo", {"SOLE": make_series("SOLE", count=30)}), simulated=True)
    with capture_logs() as lines:
        assert Kind.JUMP in [finding.kind for finding in (await market.history("MSFT")).findings]
        (finding,) = (await market.history("SOLE")).findings  # no other test's, for it is logged once in a process
    logged = [(line["ticker"], line["finding"]) for line in lines if line["event"] == "bars.finding"]
    assert logged == [("SOLE", finding.text)]


async def test_without_a_store_prices_still_come(
    make_market: Any, provider: Any, make_series: Any, tmp_path: Path
) -> None:
    (tmp_path / "history").write_text("a file where the store's directory should be")
    with capture_logs() as lines:
        market = make_market(provider("tiingo", {"AAPL": make_series()}))
        assert len((await market.history("AAPL")).bars) == 300
    assert "history.unavailable" in [line["event"] for line in lines]


async def test_a_store_that_comes_back_is_used_again(
    make_market: Any, provider: Any, make_series: Any, tmp_path: Path
) -> None:
    (tmp_path / "history").write_text("a file where the store's directory should be")
    market = make_market(provider("tiingo", {"AAPL": make_series()}))
    (tmp_path / "history").unlink()
    await market.history("AAPL")
    assert HistoryStore(tmp_path).knows("AAPL")


CSV = "date,open,high,low,close,volume\n2024-03-07,10,12,9,11,1000\n2024-03-08,11,13,10,12,2000\n"


async def test_a_changed_file_answers_within_seconds_and_in_a_new_process_at_once(
    make_market: Any, sessions: Sessions, clock: Any, tmp_path: Path
) -> None:
    directory = tmp_path / "bars"
    directory.mkdir()
    (directory / "AAPL.csv").write_text(CSV)
    market = make_market(Files(directory, sessions), home=tmp_path)
    assert (await market.history("AAPL")).bars.close[-1] == 12
    assert (await market.quote("AAPL")).price == 12
    (directory / "AAPL.csv").write_text(CSV.replace(",12,2000", ",12.5,2000"))
    restarted = make_market(Files(directory, sessions), home=tmp_path)
    assert (await restarted.history("AAPL")).bars.close[-1] == 12.5
    clock.forward(2.1)
    assert (await market.history("AAPL")).bars.close[-1] == 12.5
    assert (await market.quote("AAPL")).price == 12.5


async def test_another_directory_answers_at_once(make_market: Any, sessions: Sessions, tmp_path: Path) -> None:
    for name, close in (("one", "12"), ("two", "12.9")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "AAPL.csv").write_text(CSV.replace(",12,2000", f",{close},2000"))
        market = make_market(Files(tmp_path / name, sessions))
        assert (await market.history("AAPL")).bars.close[-1] == float(close)


async def test_an_unchanged_file_gives_the_same_object(
    make_market: Any, sessions: Sessions, clock: Any, tmp_path: Path
) -> None:
    (tmp_path / "AAPL.csv").write_text(CSV)
    market = make_market(Files(tmp_path, sessions))
    first = await market.history("AAPL")
    clock.forward(10)
    assert await market.history("AAPL") is first


async def test_a_broken_file_leaves_the_last_good_bars(
    make_market: Any, sessions: Sessions, clock: Any, tmp_path: Path
) -> None:
    (tmp_path / "AAPL.csv").write_text(CSV)
    market = make_market(Files(tmp_path, sessions), simulated=True)
    await market.history("AAPL")
    (tmp_path / "AAPL.csv").write_text("nonsense")
    clock.forward(5)
    assert (await market.history("AAPL")).bars.close[-1] == 12
    with pytest.raises(MarketError, match=r"AAPL\.csv:1: column"):
        await market.fetch("AAPL")


async def test_a_market_that_lives_long_gets_a_new_calendar_and_survives_without(
    provider: Any, make_series: Any, sessions: Sessions, clock: Any, tmp_path: Path
) -> None:
    kept = int((sessions.session <= np.datetime64("2024-10-01")).sum())
    columns = (sessions.session[:kept], sessions.open_at[:kept], sessions.close_at[:kept])
    for exchange, end in (("XNYS", sessions.session[-1]), ("NOWHERE", sessions.session[kept - 1])):
        old = Sessions(*columns, origin=(exchange, tmp_path / f"{exchange}.npz"))
        tiingo = provider("tiingo", {"AAPL": make_series()})
        turns = ProcessTurns(tmp_path / "turns", 60.0)
        store = HistoryStore(tmp_path)
        market = Market([LimitedProvider(tiingo)], store, old, history_ttl=1e9, quote_ttl=300, turns=turns, clock=clock)
        await market.history("AAPL")
        assert old.session[-1] == columns[0][-1]
        clock.forward(190 * 86400)
        await market.history("AAPL")  # it does not wait for the new calendar
        for _ in range(3000):
            await asyncio.sleep(0.01 * (old.session[-1] != end))
        assert old.session[-1] == end
        clock.forward(-190 * 86400)


def test_what_does_not_overlap_does_not_continue(make_series: Any) -> None:
    assert merged(make_series(last="2024-03-01"), make_series(count=3)) is None
    joined = merged(make_series(last="2024-03-07", count=10), make_series(count=4))
    assert joined is not None
    assert len(joined.bars) == 12


async def test_stored_real_bars_end_simulated_ones_though_every_provider_fails(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    market = make_market(provider("tiingo", {"AAPL": DOWN}), simulated=True)
    assert (await market.history("AAPL")).bars.simulated
    await make_market(provider("tiingo", {"AAPL": make_series()})).fetch("AAPL")  # another process
    clock.forward(3)
    assert (await market.history("AAPL")).bars.source == "tiingo"
    assert not (await market.quote("AAPL")).simulated


async def test_a_preliminary_bar_is_fetched_again_until_it_is_final_and_not_trained_on_before(
    make_market: Any, provider: Any, make_series: Any, clock: Any
) -> None:
    clock.set_to(datetime(2024, 3, 11, 20, 10, tzinfo=UTC))  # ten minutes after the close
    tiingo = provider("tiingo", {"AAPL": make_series()})
    market = make_market(tiingo)
    counts, lasts = [], []
    for _ in range(9):
        history = await market.history("AAPL")
        counts.append(tiingo.count("bars"))
        lasts.append(str(history.final_bars.session[-1]))
        clock.forward(3600)
    assert counts == [1, 1, 2, 2, 2, 2, 3, 3, 3]  # at once, after two hours, after six
    assert lasts == ["2024-03-08"] * 6 + ["2024-03-11"] * 3


async def test_stored_bars_are_trained_on_where_no_provider_is_configured(
    make_market: Any, provider: Any, make_series: Any
) -> None:
    await make_market(provider("tiingo", {"AAPL": make_series()})).fetch("AAPL")
    market = make_market(simulated=True)
    with capture_logs() as lines:
        history = await market.for_training("AAPL", datetime.now(UTC))
    assert history.bars.source == "tiingo"
    assert [line["reason"] for line in lines if line["event"] == "bars.stored_used"] == ["no provider is configured"]


async def test_two_processes_that_want_the_same_bars_make_one_fetch(
    make_market: Any, provider: Any, make_series: Any, clock: Any, tmp_path: Path
) -> None:
    started, release, waits = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        started.set()
        await release.wait()

    class NoticedTurns(ProcessTurns):
        def turn(self, key: str) -> Any:
            waits.set()
            return super().turn(key)

    first = provider("tiingo", {"AAPL": make_series()}, before=hold)
    second = provider("tiingo", {"AAPL": make_series()})
    one = asyncio.ensure_future(make_market(first).history("AAPL"))
    await started.wait()
    other = asyncio.ensure_future(make_market(second, turns=NoticedTurns(tmp_path / "turns", 60.0)).history("AAPL"))
    await waits.wait()
    clock.forward(1)
    release.set()
    assert len((await one).bars) == len((await other).bars) == 300
    assert second.asked == []


async def test_a_store_that_is_damaged_in_the_middle_is_set_aside_and_filled_again(
    make_market: Any, provider: Any, make_series: Any, tmp_path: Path
) -> None:
    path, tickers = tmp_path / "history" / "prices.sqlite", ("AAPL", "MSFT", "NVDA")
    tiingo = provider("tiingo", {ticker: make_series(ticker) for ticker in tickers})
    market = make_market(tiingo)
    for ticker in tickers:
        await market.history(ticker)
    content = damage(path)
    market = make_market(tiingo)
    with capture_logs() as lines:
        for ticker in tickers:
            assert len((await market.history(ticker)).bars) == 300
    (aside,) = path.parent.glob("*unreadable*")
    assert aside.read_bytes()[100:] == content[100:]  # its header says that it has no log any more
    told = [(line["event"], line["file"], line["set_aside_as"]) for line in lines if line["log_level"] == "error"]
    assert told == [("history.set_aside", str(path), str(aside))]
    market = make_market(tiingo)
    for ticker in tickers:
        await market.history(ticker)
        assert market.unstored(ticker) is None
    assert tiingo.count("bars") == 6, "once before, once again, and never after"
    assert is_whole(path)


async def test_a_store_that_is_damaged_while_it_is_used_takes_the_bars_that_show_it(
    make_market: Any, provider: Any, make_series: Any, tmp_path: Path
) -> None:
    market = make_market(provider("tiingo", {ticker: make_series(ticker) for ticker in ("AAPL", "MSFT")}))
    await market.history("AAPL")
    damage(tmp_path / "history" / "prices.sqlite")
    HistoryStore(tmp_path)  # another process, which has not looked into it
    await market.fetch("MSFT")
    assert market.unstored("MSFT") is None
    assert HistoryStore(tmp_path).knows("MSFT")


async def test_bars_that_could_not_be_stored_are_told(
    make_market: Any, provider: Any, make_series: Any, tmp_path: Path
) -> None:
    market = make_market(provider("tiingo", {"AAPL": make_series()}))
    with closing(sqlite3.connect(tmp_path / "history" / "prices.sqlite")) as connection:
        connection.execute(REFUSE)
    with capture_logs() as lines:
        assert len((await market.fetch("AAPL")).bars) == 300
    assert market.unstored("AAPL") == "no room"
    (told,) = (line for line in lines if line["event"] == "history.unavailable")
    assert (told["file"], told["reason"]) == (str(tmp_path / "history" / "prices.sqlite"), "no room")
    with closing(sqlite3.connect(tmp_path / "history" / "prices.sqlite")) as connection:
        connection.execute("DROP TRIGGER refuse")
    await market.fetch("AAPL")
    assert market.unstored("AAPL") is None
