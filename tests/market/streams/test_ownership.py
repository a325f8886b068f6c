"""One process has the streams, and another one soon after it is gone."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from configuration import ROOT
from market.streams.ownership import Ownership, RedisLock
from redis_client import connect
from tests.market.streams.servers import until

HOLD = """
import sys, time
from pathlib import Path
from market.streams.ownership import Ownership, RedisLock
from redis_client import connect
path = Path(sys.argv[1])
shared = RedisLock(connect(sys.argv[2], 5.0), "lock", path.with_name("machine")) if len(sys.argv) > 2 else None
owner = Ownership(path, shared)
assert owner.hold()
print("held", flush=True)
time.sleep(600)
"""


def held_elsewhere(*arguments: str) -> "subprocess.Popen[str]":
    """Another process that is the owner."""
    command = [sys.executable, "-c", HOLD, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def made(folder: Path, redis: Any) -> Ownership:
    """Of a process whose machine has `folder`."""
    return Ownership(folder / "owner.lock", RedisLock(connect(redis.url, 5.0), "lock", folder / "machine"))


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def test_of_one_machine_the_next_when_the_first_is_killed(tmp_path: Path) -> None:
    first = held_elsewhere(str(tmp_path / "owner.lock"))
    second = Ownership(tmp_path / "owner.lock")
    try:
        assert not second.hold()
    finally:
        end(first)
    await until(second.hold)
    assert second.hold()
    second.release()


async def test_what_the_first_held_of_all_machines_is_its_successors_too(tmp_path: Path, redis_server: Any) -> None:
    first = held_elsewhere(str(tmp_path / "owner.lock"), redis_server.url)
    second, other = made(tmp_path, redis_server), made(tmp_path / "other", redis_server)
    redis_server.ask("PEXPIRE", "lock", "3600000")  # nobody here waits for that
    try:
        assert not second.hold()
    finally:
        end(first)
    await until(second.hold)
    assert not other.hold()
    assert 0 < redis_server.ask("PTTL", "lock") <= 2500
    second.release()
    assert other.hold()
    other.release()


async def test_of_several_machines_the_next_when_the_first_is_killed(tmp_path: Path, redis_server: Any) -> None:
    first = held_elsewhere(str(tmp_path / "one" / "owner.lock"), redis_server.url)
    second = made(tmp_path / "two", redis_server)
    try:
        assert not second.hold()
        assert 0 < redis_server.ask("PTTL", "lock") <= 2500  # and each process tries twice a second
    finally:
        end(first)
    await until(second.hold)
    second.release()
    assert redis_server.ask("EXISTS", "lock") == 0


def test_who_leaves_lets_another_at_once(tmp_path: Path, redis_server: Any) -> None:
    first, second = (made(tmp_path / name, redis_server) for name in "ab")
    assert [first.hold(), second.hold(), first.hold()] == [True, False, True]
    first.release()
    assert [second.hold(), first.hold()] == [True, False]
    second.release()


def test_a_lock_that_redis_has_given_to_another_is_lost(tmp_path: Path, redis_server: Any) -> None:
    first, second = (made(tmp_path / name, redis_server) for name in "ab")
    assert first.hold()
    redis_server.flush()  # as if the first had been paused for longer than that
    assert second.hold()
    assert not first.hold()
    first.release()
    assert second.hold()
    second.release()


def test_without_redis_each_machine_has_its_own(tmp_path: Path, redis_server: Any) -> None:
    redis_server.stop()
    first, second = (made(tmp_path / name, redis_server) for name in "ab")
    assert first.hold()
    assert second.hold()
    first.release()
    second.release()
