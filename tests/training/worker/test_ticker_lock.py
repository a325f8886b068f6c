"""Replicas that could train the same ticker: processes of their own, on every way to run Redis."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

import configuration
from configuration import ROOT, Settings
from tests.patience import PATIENT
from tests.redis_servers import Deployment, Server
from tests.serving.running import wait_until
from training.worker import ticker_lock
from training.worker.ticker_lock import Done, LockLost, alone
from training_queue.jobs import ASKED, RETRAIN, TrainingJobs
from training_queue.steps import Step

EXPIRY = 3.0
WORKERS = 4
# Works its own list, as a replica does, and says what it did and when; `EXPIRY` as the first word shortens the lock's.
WORKER = """
import sys, time
from pathlib import Path
import configuration
from training_queue.jobs import TrainingJobs
from tests.serving.running import wait_until
from training.worker import ticker_lock

ticker_lock.EXPIRY, held = float(sys.argv[1]), float(sys.argv[3])
settings, jobs = configuration.load(), TrainingJobs(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
while (step := jobs.claim()) is not None:
    with ticker_lock.alone(settings, step.ticker) as lock:
        if lock is None:
            print("refused", flush=True)
            jobs.finish(step, "kept", "another replica")
            continue
        print("working", flush=True)
        time.sleep(held)
        jobs.finish(step, "promoted", "done")
print("ended", flush=True)
"""

Begin = Callable[[Path, float], "subprocess.Popen[str]"]


def with_redis(url: str) -> Settings:
    settings = configuration.load()
    return settings.model_copy(update={"cache": settings.cache.model_copy(update={"redis_url": SecretStr(url)})})


@pytest.fixture
def begin(any_redis: Deployment, tmp_path: Path) -> Begin:
    """Start a worker with a home of its own, where AAPL is to be trained."""

    def start(home: Path, held: float) -> "subprocess.Popen[str]":
        TrainingJobs(home).add("AAPL", [1], ASKED)
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(EXPIRY), str(home), str(held)],
            cwd=ROOT,
            env={"PATH": "", "REDIS_URL": any_redis.url, "STOCKS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert said(process) == "ready"
        return process

    return start


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def locks(redis: Deployment) -> set[bytes]:
    """Keys of locks that are held, without the notes of who held one last."""
    keys = redis.keys()
    return {key for key in keys if not key.endswith(b":holder")}


def test_a_holder_that_was_paused_for_longer_than_its_lock_lives_is_told_that_another_had_it(
    any_redis: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_redis(any_redis.url)
    monkeypatch.setattr(ticker_lock, "_renew", lambda _lock, ended: ended.wait())  # as a process that is stopped
    monkeypatch.setattr(ticker_lock, "EXPIRY", 0.2)
    with alone(settings, "AAPL") as paused:
        assert paused is not None
        paused.check()
        wait_until(lambda: not locks(any_redis), 60, "the lock expires")
        paused.check()  # nobody else took it
        with alone(settings, "AAPL") as other:
            assert other is not None
            other.check()
        with pytest.raises(LockLost, match="AAPL: another replica has trained it meanwhile"):
            paused.check()


def test_of_several_workers_one_works_and_keeps_it_for_longer_than_the_lock_lives(
    begin: Begin, any_redis: Deployment, tmp_path: Path
) -> None:
    first = begin(tmp_path / "first", 2 * EXPIRY)
    others = [begin(tmp_path / str(index), 0.0) for index in range(WORKERS - 1)]
    go(first)
    assert said(first) == "working"
    time.sleep(1.3 * EXPIRY)  # it would have freed itself by now
    for process in others:
        go(process)

    assert [said(process) for process in others] == ["refused"] * len(others)
    assert said(first) == "ended"
    for process in (first, *others):
        process.communicate(timeout=PATIENT)
    assert locks(any_redis) == set(), "whoever is done lets go of it"


def test_workers_that_begin_together_never_work_together(begin: Begin, tmp_path: Path) -> None:
    workers = [begin(tmp_path / str(index), EXPIRY) for index in range(WORKERS)]
    for process in workers:
        go(process)

    assert sorted(said(process) for process in workers) == ["refused"] * (WORKERS - 1) + ["working"]
    for process in workers:
        process.communicate(timeout=PATIENT)


def test_a_worker_that_dies_frees_it(begin: Begin, any_redis: Deployment, tmp_path: Path) -> None:
    dying = begin(tmp_path / "dying", 60.0)
    go(dying)
    assert said(dying) == "working"
    dying.kill()
    dying.communicate()
    settings = with_redis(any_redis.url)
    with alone(settings, "AAPL") as lock:
        assert lock is None

    deadline = time.monotonic() + PATIENT
    while time.monotonic() < deadline:
        with alone(settings, "AAPL") as lock:
            if lock is not None:
                break
        time.sleep(0.1)

    assert lock is not None
    assert time.monotonic() < deadline


def test_a_replica_hears_of_a_training_that_ended_after_it_was_asked_for_the_same(any_redis: Deployment) -> None:
    settings, asked = with_redis(any_redis.url), step(1, RETRAIN)
    with alone(settings, "AAPL") as lock:
        assert lock is not None
        assert lock.done_since(asked) is None
        lock.tell(asked, Done("promoted", "version 2"))
    with alone(settings, "AAPL") as other:
        assert other is not None
        assert other.done_since(asked) == Done("promoted", "version 2")
        assert other.done_since(replace(asked, priority=ASKED)) == Done("promoted", "version 2")
        assert other.done_since(replace(asked, queued_at=time.time() + 1)) is None
        assert other.done_since(replace(asked, horizon=5)) is None


def test_an_automatic_training_is_not_what_a_person_asked_for(any_redis: Deployment) -> None:
    automatic, asked = step(1, ASKED), step(1, RETRAIN)
    with alone(with_redis(any_redis.url), "AAPL") as lock:
        assert lock is not None
        lock.tell(automatic, Done("promoted", "version 2"))
        assert lock.done_since(asked) is None
        assert lock.done_since(automatic) == Done("promoted", "version 2")


def step(horizon: int, priority: int) -> Step:
    """Of AAPL, asked for now."""
    return Step(1, "", "AAPL", horizon, priority, "running", None, time.time(), None, None, 1)


def test_a_lock_that_redis_forgot_is_taken_again(any_redis: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker_lock, "EXPIRY", 0.6)
    with alone(with_redis(any_redis.url), "AAPL") as lock:
        assert lock is not None
        lock.check()
        any_redis.flush()
        deadline = time.monotonic() + PATIENT
        while not locks(any_redis):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert locks(any_redis) == set()


def test_a_redis_that_dies_meanwhile_stops_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ticker_lock, "EXPIRY", 0.3)
    server = Server(tmp_path).start()
    with alone(with_redis(server.url), "AAPL") as lock:
        assert lock is not None
        lock.check()
        server.stop()
        time.sleep(0.5)
    said = capsys.readouterr().out
    assert "lock renewal" in said
    assert "lock release" in said


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/the-master"]
)
def test_without_redis_training_goes_on(url: str) -> None:
    with alone(with_redis(url), "AAPL") as lock:
        assert lock is not None
        lock.check()


def test_without_redis_configured_there_is_no_other_replica() -> None:
    settings = configuration.load()
    assert settings.cache.redis_url is None
    with alone(settings, "AAPL") as lock:
        assert lock is not None
        lock.check()
