"""Many files are looked at together, and what was seen holds for a moment."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from concurrency.process_turns import ProcessTurns
from market.calendar.sessions import Sessions
from market.history.history import History
from market.history.service import LOCAL_LOOK_SECONDS, HistoryService
from market.history.sqlite_store import HistoryStore
from market.providers.chain import Chain
from market.providers.file_versions import LOOK_EVERY, LOOK_HOLDS, MANY, FileVersions, Version
from market.providers.files import Files
from market.providers.provider import LimitedProvider
from market.series import Series

ROWS = "date,open,high,low,close,volume\n2024-03-07,10,12,9,11,1000\n2024-03-08,11,13,10,{close},2000\n"
FEW = [f"T{number}" for number in range(MANY)]
TICKERS = [*FEW, "LAST"]


class Disk:
    """Versions that a test sets, and how many files were looked at."""

    def __init__(self) -> None:
        self.now = 100.0
        self.versions: dict[str, Version] = dict.fromkeys(TICKERS, (1, 1, 1))
        self.looks = 0
        self.seen = FileVersions(self._version_of, lambda: self.now)

    def _version_of(self, ticker: str) -> Version:
        self.looks += 1
        if ticker not in self.versions:
            raise FileNotFoundError(ticker)
        return self.versions[ticker]

    async def look(self) -> None:
        """Ask, and wait until the look is over that this starts."""
        self.seen.lately("T0", TICKERS)
        await asyncio.get_running_loop().shutdown_default_executor()


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_nothing_is_known_before_the_first_look(disk: Disk) -> None:
    async def check() -> None:
        assert disk.seen.lately("T0", TICKERS) is None

    asyncio.run(check())


def test_one_look_tells_all_versions_for_a_moment(disk: Disk) -> None:
    asyncio.run(disk.look())
    assert disk.looks == len(TICKERS)

    async def check() -> None:
        assert [disk.seen.lately(ticker, TICKERS) for ticker in TICKERS] == [(1, 1, 1)] * len(TICKERS)
        disk.now += LOOK_HOLDS
        assert disk.seen.lately("T0", FEW) is None

    asyncio.run(check())


def test_a_change_is_seen_by_the_next_look_and_a_file_that_is_gone_is_not_known(disk: Disk) -> None:
    asyncio.run(disk.look())
    disk.now += LOOK_EVERY
    disk.versions["T1"] = (2, 1, 1)
    del disk.versions["T2"]
    asyncio.run(disk.look())
    assert disk.seen.lately("T1", FEW) == (2, 1, 1)
    assert disk.seen.lately("T2", FEW) is None
    assert disk.seen.lately("T3", FEW) == (1, 1, 1)


def test_few_files_are_not_looked_at_together(disk: Disk) -> None:
    assert disk.seen.lately("T0", FEW) is None
    assert disk.looks == 0


def test_many_files_are_answered_for_without_the_disk_and_read_again_when_they_change(
    tmp_path: Path, sessions: Sessions
) -> None:
    for ticker in TICKERS:
        (tmp_path / f"{ticker}.csv").write_text(ROWS.format(close=12), encoding="utf-8")
    files = Files(tmp_path, sessions)

    async def read_all_and_look() -> Series:
        for ticker in TICKERS:
            await files.series(ticker)
        first = await files.series("T0")
        await asyncio.get_running_loop().shutdown_default_executor()
        return first

    async def price() -> float:
        return (await files.quote("T0")).price

    async def series_without_threads() -> Series:
        await asyncio.get_running_loop().shutdown_default_executor()  # whoever needs a thread fails
        return await files.series("T0")

    first = asyncio.run(read_all_and_look())
    assert asyncio.run(series_without_threads()) is first
    (tmp_path / "T0.csv").write_text(ROWS.format(close=12.5), encoding="utf-8")
    while asyncio.run(price()) != 12.5:
        time.sleep(0.01)


def test_bars_of_a_file_that_did_not_change_are_not_written_again(
    tmp_path: Path, sessions: Sessions, clock: Any
) -> None:
    for ticker in TICKERS:
        (tmp_path / f"{ticker}.csv").write_text(ROWS.format(close=12), encoding="utf-8")
    limited = LimitedProvider(Files(tmp_path, sessions))
    store = HistoryStore(tmp_path)
    turns = ProcessTurns(tmp_path, 5.0)
    histories = HistoryService(
        Chain([limited]), store, sessions, ttl=86400, quoted_tickers=len(TICKERS), turns=turns, clock=clock
    )

    async def read_all() -> History:
        for ticker in TICKERS:
            found = await histories.history(ticker)
        await limited.provider.series("LAST")  # has all looked at
        await asyncio.get_running_loop().shutdown_default_executor()
        return found

    async def again_without_threads() -> History:
        await asyncio.get_running_loop().shutdown_default_executor()  # whoever needs a thread fails
        return await histories.history("LAST")

    first = asyncio.run(read_all())
    clock.forward(LOCAL_LOOK_SECONDS)
    assert asyncio.run(again_without_threads()) is first
