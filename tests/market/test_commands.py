"""`python -m market` as a person runs it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from market.__main__ import main
from market.calendar.sessions import Sessions
from market.history.sqlite_store import HistoryStore
from market.providers.simulated import FIRST, simulate
from tests.patience import PATIENT
from tests.sqlite_files import REFUSE, damage, is_whole

ROOT = Path(__file__).resolve().parents[2]
HEADER = "date,open,high,low,close,volume"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ALPHA_VANTAGE_API_KEY", "TIINGO_API_KEY", "REDIS_URL", "STOCKS_CONFIGURATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
    calendar = tmp_path / "home" / "calendar"
    calendar.mkdir(parents=True)
    with (calendar / "XNYS.npz").open("wb") as file:
        np.savez(file, session=sessions.session, open_at=sessions.open_at, close_at=sessions.close_at)
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def write(path: Path, sessions: Sessions, count: int) -> None:
    bars = simulate(path.stem, sessions.session[sessions.session >= FIRST][:count])
    columns = (bars.session, bars.open, bars.high, bars.low, bars.close, bars.volume)
    path.write_text("\n".join([HEADER, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]) + "\n")


def test_a_file_that_can_be_used_is_described(tmp_path: Path, sessions: Sessions) -> None:
    path = tmp_path / "AAPL.csv"
    write(path, sessions, 30)
    result = run("check", str(path))
    assert result.exit_code == 0
    assert f"{path}: 30 sessions, 2018-01-02 to 2018-02-13: 2 things to look at" in result.stdout
    assert "short: only 30 sessions" in result.stdout
    assert "stale: ends 2018-02-13" in result.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: the file is empty; it needs the header"),
        ("date,open\n", ":1: column high, low, close, volume is missing; the header must have"),
        (
            f"{HEADER}\n2024-03-08,1,2,1,2,5\n2024-03-07,1,2,1,2,5\n",
            ":3: 2024-03-07: the date is before the one above it; sort",
        ),
        (
            f"{HEADER}\n2024-03-08,1,2,1,2,5\n2024-03-08,1,2,1,2,5\n",
            ":3: 2024-03-08: the date stands there twice; delete",
        ),
        (f"{HEADER}\n2024-03-08,1,2,1,-2,5\n", ":2: 2024-03-08: close is not positive; correct the line or delete it"),
        (f"{HEADER}\n2024-03-08,1,2,1,nan,5\n", ":2: 2024-03-08: close is missing or not a number; correct"),
        (f"{HEADER}\n2024-03-08,1,1,2,2,5\n", ":2: 2024-03-08: high is below low; correct"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_line_with_file_line_and_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "AAPL.csv"
    path.write_text(text)
    result = run("check", str(path))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{path}{expected}")
    assert (result.stderr.count("\n"), result.stdout) == (1, "")


def test_what_is_no_file_gets_one_line_too(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nowhere.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        result = run("check", str(path))
        assert result.exit_code == 1
        assert result.stderr == f"{path}: {reason}; name a file of bars, such as AAPL.csv\n"


def test_a_binary_file_gets_one_line_too(tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv"
    path.write_bytes(bytes(range(256)) * 10)
    result = run("check", str(path))
    assert result.exit_code == 1
    assert result.stderr == f"{path}:2: not text in UTF-8; export it as CSV again\n"


@pytest.mark.parametrize("command", [[], ["fetch"], ["check"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_without_providers_the_prices_are_called_invented(home: Path) -> None:
    result = run("fetch", "--tickers", "aapl, msft")
    assert result.exit_code == 0
    assert result.stdout.count("from simulated (invented, not stored)") == 2
    assert not HistoryStore(home).knows("AAPL")


def test_one_tickers_trouble_is_not_anothers(
    tmp_path: Path, sessions: Sessions, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ticker in ("AAPL", "MSFT"):
        write(tmp_path / f"{ticker}.csv", sessions, 300)
    (tmp_path / "NVDA.csv").write_text("nonsense")
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(tmp_path))
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files", "simulated"]')
    result = run("fetch", "--tickers", "AAPL,NVDA,IBM,MSFT")
    assert result.exit_code == 1
    assert "MSFT: 300 sessions" in result.stdout
    assert "NVDA.csv:1: column date, open" in result.stderr
    assert "IBM: no prices from any provider: no file" in result.stderr
    assert result.stderr.count("\n") == 2
    assert HistoryStore(home).knows("MSFT")
    assert not HistoryStore(home).knows("IBM")


def test_a_provider_that_is_down_is_named_and_its_retries_are_not(
    server: Any, played: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(played(status=503))
    monkeypatch.setenv("TIINGO_API_KEY", "key")
    monkeypatch.setenv("STOCKS_MARKET__TIINGO__BASE_URL", server.url)
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["tiingo", "simulated"]')
    result = run("fetch", "--tickers", "AAPL,MSFT")
    assert len(server.paths) == 3  # tried again for the first ticker, not asked for the second
    assert (result.exit_code, result.stdout) == (1, "")
    for ticker in ("AAPL", "MSFT"):
        (line,) = [line for line in result.stderr.splitlines() if line.startswith(f"{ticker}:")]
        assert "no prices from any provider" in line
        assert "tiingo: could not answer for AAPL (HTTP 503)" in line
    assert not HistoryStore(home).knows("AAPL")


@pytest.mark.parametrize("ticker", ["../AAPL", "AAPL MSFT", "TOOLONGNAME"])
def test_what_is_no_ticker_is_refused(ticker: str) -> None:
    result = run("fetch", "--tickers", ticker)
    assert result.exit_code == 1
    assert "not a ticker; write them as AAPL,MSFT" in result.stderr


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_MARKET__TIMEOUT", "-1")
    result = run("fetch")
    assert result.exit_code == 1
    assert "market.timeout" in result.stderr


def test_an_unknown_exchange_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STOCKS_EXCHANGE", "NOWHERE")
    result = run("fetch")
    assert result.exit_code == 1
    assert "NOWHERE: its calendar could not be written" in result.stderr
    (tmp_path / "AAPL.csv").write_text("")
    assert run("check", str(tmp_path / "AAPL.csv")).exit_code == 1


def daily(count: int, sessions: Sessions) -> bytes:
    last = sessions.last_complete(datetime.now(UTC))
    bars = simulate("AAPL", sessions.between(FIRST, last))[-count:]
    rows = [
        {"date": f"{day}T00:00:00.000Z", "open": o, "high": h, "low": low, "close": c, "volume": v,
         "adjClose": c, "divCash": 0.0, "splitFactor": 1.0}
        for day, o, h, low, c, v in zip(
            bars.session, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    ]  # fmt: skip
    return json.dumps(rows).encode()


@pytest.mark.slow
def test_an_interrupted_fetch_goes_on_where_it_ended_and_spends_nothing_twice(
    server: Any, played: Any, sessions: Sessions, home: Path
) -> None:
    tickers = [f"T{number}" for number in range(8)]
    environment = os.environ | {
        "STOCKS_HOME": str(home),
        "TIINGO_API_KEY": "key",
        "STOCKS_MARKET__TIINGO__BASE_URL": server.url,
        "STOCKS_MARKET__PROVIDERS": '["tiingo", "simulated"]',
    }
    command = [sys.executable, "-m", "market", "fetch", "--tickers", ",".join(tickers)]
    # Slow enough that the interruption comes in time on a busy machine.
    server.play(played(daily(300, sessions), delay=0.8))
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)
    deadline = time.monotonic() + PATIENT
    while len(server.paths) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    output, told = first.communicate(timeout=PATIENT)
    done = [line.partition(":")[0] for line in output.splitlines()]
    assert first.returncode == 130
    assert told == "\nstopped; what was fetched is stored, and the same command goes on from there\n"
    assert 3 <= len(done) < 8
    before = len(server.paths)
    server.play(played(daily(300, sessions)))
    second = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENT, check=False
    )
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("stored and young, not fetched") >= len(done)
    asked_again = {path.split("/")[3] for path in server.paths[before:]}
    assert not asked_again & set(done)
    assert asked_again | set(done) == set(tickers)


@pytest.mark.slow
def test_an_interruption_while_it_is_still_being_imported_is_one_line(home: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "market", "fetch"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"STOCKS_HOME": str(home)}, **pipes) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("| asyncio"):
                break
        process.send_signal(signal.SIGINT)
        told = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.returncode == 130
    assert told == ["\n", "stopped\n"]


def test_report_dates_are_fetched_with_the_bars(
    tmp_path: Path, sessions: Sessions, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "AAPL.csv", sessions, 300)
    (tmp_path / "reports.csv").write_text("ticker,filed_on\nAAPL,2018-05-01\nAAPL,2018-07-31\n")
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(tmp_path))
    monkeypatch.setenv("STOCKS_MARKET__FILES__REPORTS", str(tmp_path / "reports.csv"))
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    result = run("fetch", "--tickers", "AAPL")
    assert result.exit_code == 0
    assert "AAPL: 2 report dates, 2018-05-01 to 2018-07-31, from files" in result.stdout
    assert home.exists()


def test_a_store_that_cannot_be_written_is_one_line(home: Path) -> None:
    (home / "history").write_text("a file where the store's directory should be")
    result = run("fetch", "--tickers", "AAPL")
    assert result.exit_code == 1
    assert "make STOCKS_HOME a writable directory with room" in result.stderr


def test_bars_that_could_not_be_stored_are_a_failure(
    home: Path, tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "AAPL.csv", sessions, 300)
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(tmp_path))
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    HistoryStore(home)
    with closing(sqlite3.connect(home / "history" / "prices.sqlite")) as connection:
        connection.execute(REFUSE)
    result = run("fetch", "--tickers", "AAPL")
    assert result.exit_code == 1
    assert "AAPL: fetched, but not stored: no room; make STOCKS_HOME a writable directory with room" in result.stderr


def test_a_damaged_store_is_set_aside_and_filled(
    home: Path, tmp_path: Path, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "AAPL.csv", sessions, 300)
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(tmp_path))
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    assert run("fetch", "--tickers", "AAPL").exit_code == 0
    path = home / "history" / "prices.sqlite"
    damage(path)
    assert run("fetch", "--tickers", "AAPL", "--again").exit_code == 0
    assert len(list(path.parent.glob("*unreadable*"))) == 1
    assert HistoryStore(home).knows("AAPL")
    assert is_whole(path)
