"""The history store: what is kept, and that two processes and a sudden end do it no harm."""

import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.bars import Bars
from market.errors import MarketError
from market.history.schema import MIGRATIONS
from market.history.sqlite_store import HistoryStore
from market.quotes.quote import Quote
from market.series import Adjustment, Series
from tests.patience import PATIENT

ROOT = Path(__file__).resolve().parents[3]
FETCHED = datetime(2024, 3, 11, 23, 0, tzinfo=UTC)


def test_a_series_comes_back_as_it_went_in(tmp_path: Path, make_series: Any) -> None:
    splits, dividends = {np.datetime64("2024-03-01"): 4.0}, {np.datetime64("2024-02-09"): 0.24}
    plain = make_series()
    series = Series(plain.bars, Adjustment.TRADED, splits, dividends, plain.bars.close * 0.99)
    HistoryStore(tmp_path).replace(series, FETCHED)
    stored = HistoryStore(tmp_path).read("AAPL")
    assert stored is not None
    assert stored.fetched_at == FETCHED
    assert (stored.series.source, stored.series.adjustment) == ("tiingo", Adjustment.TRADED)
    for name in ("session", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(stored.series.bars, name), getattr(series.bars, name))
    assert stored.series.splits == splits
    assert stored.series.dividends == dividends
    assert series.adj_close is not None
    np.testing.assert_array_equal(stored.series.adj_close, series.adj_close)


def test_nothing_is_known_of_a_new_ticker(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    assert store.read("AAPL") is None
    assert store.fetched_at("AAPL") is None
    assert store.read_quote("AAPL") is None
    assert not store.knows("AAPL")


def test_simulated_bars_are_never_kept(tmp_path: Path, make_series: Any) -> None:
    store = HistoryStore(tmp_path)
    with pytest.raises(ValueError, match="simulated bars are never stored"):
        store.replace(make_series(source="simulated"), FETCHED)
    assert not store.knows("AAPL")


def test_a_tail_adds_bars_and_corrections_and_loses_nothing(tmp_path: Path, make_series: Any) -> None:
    store = HistoryStore(tmp_path)
    old, new = make_series(last="2024-03-07", count=100), make_series(last="2024-03-11", count=102)
    store.replace(old, FETCHED)
    tail = make_series(last="2024-03-11", count=4)
    corrected = Series(tail.bars, tail.adjustment)
    assert store.extend(corrected, FETCHED + timedelta(days=1))
    stored = store.read("AAPL")
    assert stored is not None
    np.testing.assert_array_equal(stored.series.bars.close, new.bars.close)
    assert stored.fetched_at == FETCHED + timedelta(days=1)
    with sqlite3.connect(tmp_path / "history" / "prices.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM bars").fetchone()[0] == 104  # the old ones stay beside
        assert connection.execute("SELECT count(*) FROM daily WHERE ticker = 'AAPL'").fetchone()[0] == 102
    connection.close()


def test_a_tail_of_another_source_or_adjustment_is_refused(tmp_path: Path, make_series: Any) -> None:
    store = HistoryStore(tmp_path)
    assert not store.extend(make_series(), FETCHED)
    store.replace(make_series(), FETCHED)
    assert not store.extend(make_series(source="yahoo"), FETCHED)
    assert not store.extend(make_series(adjustment=Adjustment.SPLIT), FETCHED)


def test_only_the_newest_whole_series_and_two_before_are_kept(tmp_path: Path, make_series: Any) -> None:
    store = HistoryStore(tmp_path)
    for price in range(1, 7):
        store.replace(make_series(price=float(price), count=10), FETCHED)
        store.replace(make_series("MSFT", count=5), FETCHED)
    with sqlite3.connect(tmp_path / "history" / "prices.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM bars").fetchone()[0] == 3 * 10 + 3 * 5
    connection.close()
    stored = store.read("AAPL")
    assert stored is not None
    assert 5 < stored.series.bars.close.mean() < 7


def test_while_it_is_kept_open_its_log_stays_until_the_end(tmp_path: Path, make_series: Any) -> None:
    store, log = HistoryStore(tmp_path), tmp_path / "history" / "prices.sqlite-wal"
    with store.kept_open():
        store.replace(make_series(), FETCHED)
        assert log.exists()

    assert not log.exists()
    assert store.fetched_at("AAPL") == FETCHED


def test_a_file_that_cannot_be_opened_is_not_told_where_it_would_be_kept_open(tmp_path: Path) -> None:
    (tmp_path / "history" / "prices.sqlite").mkdir(parents=True)
    store = HistoryStore(tmp_path)

    with store.kept_open(), pytest.raises((sqlite3.Error, OSError)):
        store.fetched_at("AAPL")


def test_the_last_quote_is_kept(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    quote = Quote("AAPL", 170.5, FETCHED, "tiingo", open=170.0, high=171.0, low=169.5, volume=1e6, stale=True)
    store.write_quote(quote, FETCHED + timedelta(seconds=5))
    kept = store.read_quote("AAPL")
    assert kept is not None
    assert (kept.price, kept.at, kept.source, kept.open, kept.volume) == (170.5, FETCHED, "tiingo", 170.0, 1e6)
    assert kept.fetched_at == FETCHED + timedelta(seconds=5)
    assert not kept.stale  # that is judged anew each time
    assert store.knows("AAPL")


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path, make_series: Any) -> None:
    path = tmp_path / "history" / "prices.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, but somebody may want it" * 100)
    HistoryStore(tmp_path).replace(make_series(), FETCHED)
    assert HistoryStore(tmp_path).knows("AAPL")
    assert len(list(path.parent.glob("*unreadable*"))) == 1


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from market.bars import Bars
from market.history.sqlite_store import HistoryStore
from market.series import Adjustment, Series

def series(mark, count=300):
    session = np.datetime64("2020-01-01") + np.arange(count)
    price = np.full(count, float(mark))
    return Series(Bars("AAPL", "tiingo", session, price, price, price, price, price), Adjustment.TRADED)

store = HistoryStore(Path(sys.argv[1]))
who, rounds = int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
for number in range(1, rounds + 1):
    store.replace(series(2 * number + who), datetime.now(UTC))
    stored = store.read("AAPL").series.bars
    assert len(stored) == 300, f"lost bars: {len(stored)}"
    assert len(set(stored.close.tolist()) | set(stored.volume.tolist())) == 1, "torn read"
print("done", flush=True)
"""


def test_two_processes_write_and_read_one_ticker_a_thousand_times(tmp_path: Path) -> None:
    HistoryStore(tmp_path)
    both = [child(WRITER, str(tmp_path), str(who), "500") for who in (0, 1)]
    outputs = [process.communicate(timeout=PATIENT)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(output.endswith("done\n") for output in outputs)
    with sqlite3.connect(tmp_path / "history" / "prices.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT max(series) FROM fetches").fetchone()[0] == 1000
    connection.close()


ADDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from market.bars import Bars
from market.history.sqlite_store import HistoryStore
from market.series import Adjustment, Series

store = HistoryStore(Path(sys.argv[1]))
who, rounds = int(sys.argv[2]), int(sys.argv[3])
seen = 0
for number in range(rounds):
    session = np.datetime64("2020-01-01") + np.arange(1) + 2 * number + who
    price = session.astype(float)
    assert store.extend(Series(Bars("AAPL", "tiingo", session, *[price] * 5), Adjustment.TRADED), datetime.now(UTC))
    bars = store.read("AAPL").series.bars
    assert session[0] in bars.session, "its own bar is lost"
    assert len(bars) > seen, "an older bar is lost"
    assert (bars.close[1:] == bars.session[1:].astype(float)).all(), "torn read"
    seen = len(bars)
"""


def test_two_processes_add_to_one_ticker_a_thousand_times_and_every_bar_is_there(tmp_path: Path) -> None:
    session, price = np.array(["2019-12-31"], dtype="datetime64[D]"), np.ones(1)
    first = Series(Bars("AAPL", "tiingo", session, price, price, price, price, price), Adjustment.TRADED)
    HistoryStore(tmp_path).replace(first, FETCHED)
    both = [child(ADDER, str(tmp_path), str(who), "500") for who in (0, 1)]
    for process in both:
        process.communicate(timeout=PATIENT)
    assert [process.returncode for process in both] == [0, 0]
    stored = HistoryStore(tmp_path).read("AAPL")
    assert stored is not None
    expected = np.datetime64("2019-12-31") + np.arange(1001)
    np.testing.assert_array_equal(stored.series.bars.session, expected)


@pytest.mark.parametrize("after", [0.02, 0.05, 0.11, 0.23])
def test_a_kill_in_the_middle_of_writing_loses_nothing_older(tmp_path: Path, make_series: Any, after: float) -> None:
    HistoryStore(tmp_path).replace(make_series("MSFT"), FETCHED)
    process = child(WRITER, str(tmp_path), "0", "100000")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = HistoryStore(tmp_path)
    older, torn = store.read("MSFT"), store.read("AAPL")
    assert older is not None
    np.testing.assert_array_equal(older.series.bars.close, make_series("MSFT").bars.close)
    assert torn is None or (len(torn.series.bars) == 300 and len(set(torn.series.bars.close.tolist())) == 1)
    store.replace(make_series("AAPL"), FETCHED)
    with sqlite3.connect(tmp_path / "history" / "prices.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


def test_a_file_from_before_schema_versions_is_brought_forward_with_all_it_holds(
    tmp_path: Path, make_series: Any
) -> None:
    path = tmp_path / "history" / "prices.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("INSERT INTO fetches VALUES (1, 1, 'AAPL', 'tiingo', 'traded', 1710000000.0)")
        connection.execute("INSERT INTO bars VALUES (1, 19000, 1, 10.0, 12.0, 9.0, 11.0, 1000.0, NULL)")
    connection.close()
    store = HistoryStore(tmp_path)
    stored = store.read("AAPL")
    assert stored is not None
    assert stored.series.bars.close.tolist() == [11.0]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    connection.close()
    store.replace(make_series("MSFT"), FETCHED)
    assert HistoryStore(tmp_path).knows("MSFT")


def test_a_file_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    HistoryStore(tmp_path)
    path = tmp_path / "history" / "prices.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MarketError, match=r"version 99.*install the newer release or move the file away"):
        HistoryStore(tmp_path)
    assert path.exists()
