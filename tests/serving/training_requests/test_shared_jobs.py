"""Replicas with homes of their own and one real Redis know each other's trainings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from serving.contract.problems import Problem
from serving.contract.schemas import Retrained
from serving.training_requests import retraining
from serving.training_requests.retraining import Retraining
from serving.training_requests.shared_jobs import SharedJobs
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.conftest import MakeSettings
from training_queue.jobs import ASKED, TrainingJobs
from training_queue.steps import Step
from training_queue.worker_lock import WorkerLock

MakeReplica = Callable[..., Retraining]


@pytest.fixture
async def replica(make_settings: MakeSettings, tmp_path: Path, redis_url: str) -> AsyncIterator[MakeReplica]:
    """Replicas with homes of these names, where a trainer lives."""
    async with AsyncExitStack() as stack:

        def make(name: str, url: str = redis_url) -> Retraining:
            home = tmp_path / name
            settings = make_settings(cache__redis_url=url)
            WorkerLock(home).take()
            made = Retraining(settings, TrainingJobs(home), WorkerLock(home), SharedJobs.open(settings))
            stack.push_async_callback(made.close)
            return made

        yield make


async def status_elsewhere(other: Retraining, job: Retrained, status: str) -> Retrained:
    """The job as `other` knows it once it stands there as `status`."""
    async with asyncio.timeout(PATIENT):
        while (found := await other.outcome(job.job_id)).status != status:  # noqa: ASYNC110  # it is told by polling
            await asyncio.sleep(0.01)
    return found


async def test_a_job_is_known_to_the_other_replica_at_once(replica: MakeReplica) -> None:
    queued = await replica("one").ask("AAPL", 1)

    assert await replica("other").outcome(queued.job_id) == queued


async def test_the_other_replica_hears_how_it_went(
    replica: MakeReplica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "LOOK_EVERY", 0.01)
    one, other, jobs = replica("one"), replica("other"), TrainingJobs(tmp_path / "one")
    queued = await one.ask("AAPL", 1)
    jobs.add("MSFT", [1], ASKED)

    async def ignore(_step: Step) -> None: ...

    following = asyncio.create_task(one.follow(ignore))
    step = jobs.claim()
    assert step is not None
    await status_elsewhere(other, queued, "running")
    jobs.finish(step, "promoted", "version 2")
    ended = await status_elsewhere(other, queued, "promoted")
    following.cancel()

    assert ended == await one.outcome(queued.job_id)


async def test_nobody_is_told_of_automatic_trainings(replica: MakeReplica, tmp_path: Path) -> None:
    one, other = replica("one"), replica("other")
    automatic = TrainingJobs(tmp_path / "one").add("AAPL", [1], ASKED)
    await one._tell()  # noqa: SLF001

    with pytest.raises(Problem) as caught:
        await other.outcome(automatic.job_id)

    assert caught.value.status == 404


async def test_while_redis_is_away_a_replica_knows_its_own_and_says_why_not_others(replica: MakeReplica) -> None:
    alone = replica("one", f"redis://127.0.0.1:{free_port()}/0")
    queued = await alone.ask("AAPL", 1)

    assert await alone.outcome(queued.job_id) == queued
    with pytest.raises(Problem, match="Redis") as caught:
        await alone.outcome("of another")
    assert caught.value.status == 503
