import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from market.errors import KeptForQuotes, QuotaSpent, TooFast
from market.providers.quotas.counters import Counters, LocalCounters, MemoryCounters
from market.providers.quotas.quota import Quota, Usage
from market.providers.quotas.redis_quota import RedisCounters
from redis_client import connect
from tests.market.takers import taken_by_processes
from tests.sqlite_files import damage

ROOT = Path(__file__).resolve().parents[3]
FREE_KEY = ("1/second", "25/day")


def quota(home: Path, windows: tuple[str, ...] = FREE_KEY, clock: Any = time.time, longest_wait: float = 0.0) -> Quota:
    return Quota("alpha_vantage", windows, [LocalCounters(home)], longest_wait, clock)


async def test_without_windows_everything_goes(tmp_path: Path) -> None:
    free = quota(tmp_path, ())
    for _ in range(100):
        await free.acquire()
    assert await free.usage() == Usage(0, None)


async def test_a_day_holds_no_more_than_its_requests(tmp_path: Path, clock: Any) -> None:
    day = quota(tmp_path, clock=clock.now)
    for _ in range(25):
        await day.acquire()
        clock.forward(1.1)
    with pytest.raises(QuotaSpent, match="alpha_vantage: its quota is spent; it answers again from 2"):
        await day.acquire()
    assert await day.usage() == Usage(25, 25)
    clock.forward(86400 - 25 * 1.1 - 100)
    with pytest.raises(QuotaSpent):
        await day.acquire()
    clock.forward(101)  # a day after the first request
    await day.acquire()
    assert await day.usage() == Usage(25, 25)
    day.close()


async def test_the_short_window_is_waited_for(tmp_path: Path) -> None:
    second = quota(tmp_path, ("5/second",), longest_wait=5)
    started = time.monotonic()
    await asyncio.gather(*(second.acquire() for _ in range(8)))
    assert time.monotonic() - started > 0.9
    second.close()


async def test_a_queue_that_is_too_long_is_refused(tmp_path: Path, clock: Any) -> None:
    second = quota(tmp_path, clock=clock.now)
    await second.acquire()
    with pytest.raises(TooFast, match="queue for its quota"):
        await second.acquire()
    second.close()


async def test_what_is_spent_stays_spent_after_a_restart(tmp_path: Path, clock: Any) -> None:
    first = quota(tmp_path, ("3/day",), clock.now)
    for _ in range(3):
        await first.acquire()
    first.close()
    second = quota(tmp_path, ("3/day",), clock.now)
    with pytest.raises(QuotaSpent):
        await second.acquire()
    assert await second.usage() == Usage(3, 3)
    second.close()


async def test_providers_are_counted_apart(tmp_path: Path, clock: Any) -> None:
    one, other = (Quota(name, ("1/day",), [LocalCounters(tmp_path)], 0, clock.now) for name in ("tiingo", "yahoo"))
    await one.acquire()
    await other.acquire()
    for each in (one, other):
        with pytest.raises(QuotaSpent):
            await each.acquire()
        each.close()


async def test_requests_of_the_day_are_counted_where_only_shorter_windows_limit_them(
    tmp_path: Path, clock: Any
) -> None:
    hour = quota(tmp_path, ("2/hour",), clock.now)
    for _ in range(3):
        await hour.acquire()
        clock.forward(1801)
    assert await hour.usage() == Usage(3, None)
    clock.forward(86400)
    assert await hour.usage() == Usage(0, None)
    hour.close()


async def test_a_month_counts_the_day_within_it(tmp_path: Path, clock: Any) -> None:
    month = quota(tmp_path, ("5/day", "100/month"), clock.now)
    for _ in range(3):
        await month.acquire()
    clock.forward(2 * 86400)
    await month.acquire()
    assert await month.usage() == Usage(1, 5)
    month.close()


def test_two_processes_together_take_exactly_the_quota(tmp_path: Path) -> None:
    assert sum(taken_by_processes(tmp_path)) == 40


def test_two_processes_share_it_through_redis(tmp_path: Path, redis_server: Any) -> None:
    assert sum(taken_by_processes(tmp_path, redis_server.url)) == 40
    assert not (tmp_path / "quota").exists()


async def test_without_redis_it_is_counted_on_this_machine_until_redis_is_back(
    tmp_path: Path, redis_server: Any
) -> None:
    client = connect(redis_server.url, 0.5)
    shared = Quota("tiingo", ("100/day",), [RedisCounters(client), LocalCounters(tmp_path)], cool_down=0.2)
    await shared.acquire()
    assert await shared.usage() == Usage(1, 100)
    redis_server.stop()
    for _ in range(3):
        await shared.acquire()
    assert await shared.usage() == Usage(3, 100)
    redis_server.start()
    await asyncio.sleep(0.25)
    await shared.acquire()
    assert await shared.usage() == Usage(1, 100)  # Redis began anew, this machine's counts do not mix in
    shared.close()
    client.close()


async def test_requests_may_be_kept_for_quotes(tmp_path: Path, clock: Any) -> None:
    day = quota(tmp_path, ("1/second", "25/day"), clock.now)
    for _ in range(14):
        await day.check_kept(10)
        await day.acquire()
        clock.forward(1.1)
    await day.acquire()
    with pytest.raises(KeptForQuotes, match="the last 10 requests of 25/day are kept for quotes"):
        await day.check_kept(10)
    day.close()


async def test_of_a_small_quota_one_request_may_always_be_made(tmp_path: Path, clock: Any) -> None:
    small = quota(tmp_path, ("4/day",), clock.now)
    await small.check_kept(10)
    small.close()


@pytest.mark.parametrize("broken", [b"this is not a database" * 200, None])
async def test_where_requests_cannot_be_counted_the_provider_is_asked_sparingly(
    tmp_path: Path, clock: Any, broken: bytes | None
) -> None:
    if broken is None:
        (tmp_path / "quota").write_text("a file where the directory should be")
    else:
        (tmp_path / "quota").mkdir()
        (tmp_path / "quota" / "quota.sqlite").write_bytes(broken)
    counters: list[Counters] = [LocalCounters(tmp_path), MemoryCounters()]
    day = Quota("alpha_vantage", ("25/day",), counters, 0, clock.now, cool_down=3600)
    with capture_logs() as lines:
        for _ in range(6):
            await day.acquire()
        with pytest.raises(QuotaSpent):
            await day.acquire()
    told = [line["counted_instead"] for line in lines if line["event"] == "quota.unavailable"]
    assert told == ["sparingly, in this process alone"]
    assert (await day.usage()).used_today == 6
    day.close()


async def test_a_damaged_file_of_counts_is_set_aside_and_begun_anew(tmp_path: Path, clock: Any) -> None:
    (tmp_path / "quota").mkdir()
    (tmp_path / "quota" / "quota.sqlite").write_bytes(b"this is not a database" * 200)
    day = Quota("alpha_vantage", ("25/day",), [LocalCounters(tmp_path), MemoryCounters()], 0, clock.now, cool_down=0)
    for _ in range(8):
        await day.acquire()
    assert len(list((tmp_path / "quota").glob("*unreadable*"))) == 1
    assert (await day.usage()).used_today == 7  # the first one was counted in memory
    day.close()


async def test_a_file_of_counts_that_is_damaged_in_the_middle_is_set_aside_by_one_line(
    tmp_path: Path, clock: Any
) -> None:
    path = tmp_path / "quota" / "quota.sqlite"
    days = [
        Quota("alpha_vantage", ("25/day",), [LocalCounters(tmp_path), MemoryCounters()], 0, clock.now, cool_down=0)
        for _ in range(2)
    ]
    for day in days:
        await day.acquire()
    damage(path)
    with capture_logs() as lines:
        for day in (*days, *days):
            await day.acquire()
    moved = [line for line in lines if line["event"] == "quota.set_aside"]
    (aside,) = (each for each in path.parent.glob("*unreadable*") if not each.name.endswith(("-wal", "-shm")))
    assert [(line["file"], line["set_aside_as"]) for line in moved] == [(str(path), str(aside))]
    assert {(await day.usage()).used_today for day in days} == {2}  # the first of each was counted in memory
    for day in days:
        day.close()
