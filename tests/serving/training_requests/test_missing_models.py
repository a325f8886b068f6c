import asyncio
from pathlib import Path

import pytest

from serving.training_requests.missing_models import WantedModels
from training_queue.jobs import ASKED, TrainingJobs
from training_queue.publications import Publications
from training_queue.worker_lock import WorkerLock


@pytest.fixture
def jobs(tmp_path: Path) -> TrainingJobs:
    return TrainingJobs(tmp_path)


async def ask(models: WantedModels, ticker: str = "AAPL", horizon: int = 1) -> None:
    models.ask(ticker, horizon)
    await asyncio.gather(*models._asking)  # noqa: SLF001  # nobody else waits for it


async def test_a_model_that_was_asked_for_goes_to_the_head_of_the_queue(tmp_path: Path, jobs: TrainingJobs) -> None:
    lock = WorkerLock(tmp_path)
    lock.take()

    await ask(WantedModels(jobs, Publications(tmp_path), lock))

    step = jobs.claim()
    assert step is not None
    assert (step.ticker, step.horizon, step.priority) == ("AAPL", 1, ASKED)


async def test_asking_again_soon_costs_nothing(tmp_path: Path, jobs: TrainingJobs) -> None:
    lock = WorkerLock(tmp_path)
    lock.take()
    models = WantedModels(jobs, Publications(tmp_path), lock)
    await ask(models)

    models.ask("AAPL", 1)

    assert not models._asking  # noqa: SLF001


async def test_without_a_worker_nothing_is_queued(tmp_path: Path, jobs: TrainingJobs) -> None:
    await ask(WantedModels(jobs, Publications(tmp_path), WorkerLock(tmp_path)))

    assert not jobs.waiting()


async def test_what_failed_is_left_alone_for_a_while(tmp_path: Path, jobs: TrainingJobs) -> None:
    lock = WorkerLock(tmp_path)
    lock.take()
    jobs.add("AAPL", [1], ASKED)
    step = jobs.claim()
    assert step is not None
    jobs.finish(step, "failed", "too few sessions")

    await ask(WantedModels(jobs, Publications(tmp_path), lock))

    assert not jobs.waiting()


async def test_a_model_that_cannot_serve_is_to_be_published_again(tmp_path: Path, jobs: TrainingJobs) -> None:
    models = WantedModels(jobs, Publications(tmp_path), WorkerLock(tmp_path))

    models.repair("AAPL", 5)
    await asyncio.gather(*models._asking)  # noqa: SLF001  # nobody else waits for it

    assert Publications(tmp_path).left_behind() == [("AAPL", 5)]
