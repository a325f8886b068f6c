import asyncio
import os
from pathlib import Path

import pytest

from configuration import Settings
from serving.contract.problems import Problem
from serving.training_requests import retraining
from serving.training_requests.retraining import Retraining
from serving.training_requests.shared_jobs import SharedJobs
from tests.patience import PATIENT
from training_queue.jobs import RETRAIN, TrainingJobs
from training_queue.steps import Step
from training_queue.worker_lock import WorkerLock
from training_queue.worker_wait import WorkerWait


@pytest.fixture
def jobs(tmp_path: Path) -> TrainingJobs:
    return TrainingJobs(tmp_path)


@pytest.fixture
def lock(tmp_path: Path) -> WorkerLock:
    return WorkerLock(tmp_path)


async def test_without_a_worker_it_is_503_and_says_how_to_start_one(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock
) -> None:
    with pytest.raises(Problem, match="python -m training work") as caught:
        await Retraining(settings, jobs, lock, SharedJobs(None)).ask("AAPL", None)

    assert caught.value.status == 503
    assert not jobs.waiting()


async def test_while_the_trainer_is_started_again_a_request_waits_for_it(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock
) -> None:
    asked = await Retraining(settings, jobs, lock, SharedJobs(None), expects_trainer=True).ask("AAPL", 1)

    assert asked.status == "queued"
    jobs.resume()
    step = jobs.claim()
    assert step is not None
    assert (step.job_id, step.priority) == (asked.job_id, RETRAIN)


async def test_a_trainer_that_refused_its_settings_says_so_until_another_lives(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock
) -> None:
    queue = Retraining(settings, jobs, lock, SharedJobs(None), expects_trainer=True)
    jobs.add("AAPL", [1], RETRAIN)
    lock.refuse("n_estimators = 0")

    assert queue.trainer_problem() == "nothing is trained: n_estimators = 0"
    with pytest.raises(Problem, match="Nothing is trained here: n_estimators = 0") as caught:
        await queue.ask("AAPL", 1)

    assert caught.value.status == 503
    assert lock.take() is not None
    assert queue.trainer_problem() == ""
    assert (await queue.ask("AAPL", 1)).status == "queued"


async def test_all_horizons_or_one(settings: Settings, jobs: TrainingJobs, lock: WorkerLock) -> None:
    lock.take()
    queue = Retraining(settings, jobs, lock, SharedJobs(None))

    every, one = await queue.ask("aapl", None), await queue.ask("MSFT", 5)

    assert [step.horizon for step in every.steps] == [1, 5]
    assert [step.horizon for step in one.steps] == [5]
    assert (every.ticker, every.status) == ("AAPL", "queued")
    assert (await queue.ask("AAPL", None)).job_id == every.job_id
    assert (await queue.outcome(one.job_id)).job_id == one.job_id


async def test_each_step_has_the_time_of_its_training_apart_from_its_wait(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock
) -> None:
    lock.take()
    queue = Retraining(settings, jobs, lock, SharedJobs(None))
    job = await queue.ask("AAPL", None)
    step = jobs.claim()
    assert step is not None
    jobs.finish(step, "promoted", "version 1")

    done, waiting = (await queue.outcome(job.job_id)).steps

    assert done.started_at is not None
    assert done.finished_at is not None
    assert job.queued_at <= done.started_at <= done.finished_at
    assert (waiting.started_at, waiting.finished_at) == (None, None)


@pytest.mark.parametrize("asked", [("NOPE", None, 404), ("?", None, 422), ("AAPL", 21, 422)])
async def test_what_cannot_be_asked(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock, asked: tuple[str, int | None, int]
) -> None:
    ticker, horizon, code = asked
    lock.take()
    with pytest.raises(Problem) as caught:
        await Retraining(settings, jobs, lock, SharedJobs(None)).ask(ticker, horizon)

    assert caught.value.status == code


async def test_an_unknown_job_is_404(settings: Settings, jobs: TrainingJobs, lock: WorkerLock) -> None:
    with pytest.raises(Problem) as caught:
        await Retraining(settings, jobs, lock, SharedJobs(None)).outcome("nonsense")

    assert caught.value.status == 404


async def test_every_end_is_told_once(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "LOOK_EVERY", 0.01)
    lock.take()
    queue = Retraining(settings, jobs, lock, SharedJobs(None))
    ended: list[str] = []
    told = asyncio.Event()

    async def note(step: Step) -> None:
        ended.append(step.ticker)
        told.set()

    following = asyncio.create_task(queue.follow(note))
    await asyncio.sleep(0)
    await queue.ask("AAPL", 1)
    step = jobs.claim()
    assert step is not None
    jobs.finish(step, "promoted", "version 2")
    await asyncio.wait_for(told.wait(), PATIENT)
    await asyncio.sleep(0.05)
    following.cancel()

    assert ended == ["AAPL"]
    _, trainings = queue.figures()
    assert {sample.labels["status"]: sample.value for sample in trainings.samples} == {
        "queued": 0,
        "running": 0,
        "promoted": 1,
        "kept": 0,
        "failed": 0,
    }


async def test_a_queue_that_cannot_be_used_is_503_with_the_reason_and_spoils_no_metrics(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock, tmp_path: Path
) -> None:
    lock.take()
    (tmp_path / "jobs" / "jobs.sqlite").mkdir()
    queue = Retraining(settings, jobs, lock, SharedJobs(None))

    with pytest.raises(Problem, match=r"jobs\.sqlite") as caught:
        await queue.ask("AAPL", 1)

    assert caught.value.status == 503
    alive, trainings = queue.figures()
    assert [sample.value for sample in alive.samples] == [1]
    assert not trainings.samples


def test_a_trainer_that_should_live_and_does_not_is_a_problem(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock
) -> None:
    queue = Retraining(settings, jobs, lock, SharedJobs(None), expects_trainer=True)
    starting = queue.trainer_problem()
    held = lock.take()
    alive = queue.trainer_problem()
    assert held is not None
    os.close(held)

    assert (starting, alive) == ("", "")
    assert queue.trainer_problem() == "the trainer does not run; it is started again"
    assert Retraining(settings, jobs, lock, SharedJobs(None)).trainer_problem() == ""


@pytest.mark.parametrize("expects_trainer", [True, False])
def test_what_a_trainer_waits_for_is_a_problem_while_it_lives(
    settings: Settings, jobs: TrainingJobs, lock: WorkerLock, *, expects_trainer: bool
) -> None:
    queue = Retraining(settings, jobs, lock, SharedJobs(None), expects_trainer=expects_trainer)
    held = lock.take()
    assert held is not None
    WorkerWait(settings.home).begin("the trainer waits for MLflow at http://127.0.0.1:5000, which does not answer")

    assert queue.trainer_problem() == "the trainer waits for MLflow at http://127.0.0.1:5000, which does not answer"
    os.close(held)
    assert "waits" not in queue.trainer_problem()
