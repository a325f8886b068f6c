"""Trainings that fail whatever the model are a reason of the service."""

from pathlib import Path

import pytest

from serving.monitoring.reasons.trainings import FailingTrainings
from training_queue.jobs import TrainingJobs

KEYS = [(ticker, 1) for ticker in ("AAPL", "MSFT", "NVDA", "TSLA")]


@pytest.fixture
def jobs(tmp_path: Path) -> TrainingJobs:
    return TrainingJobs(tmp_path)


def test_failures_of_different_models_in_a_row_are_said_with_their_count_and_the_newest_reason(
    jobs: TrainingJobs,
) -> None:
    trainings = FailingTrainings(jobs, KEYS)
    assert trainings.problems() == []
    jobs.note("MSFT", 1, "failed", "too few sessions")
    jobs.note("AAPL", 1, "promoted", "version 2")
    for ticker in ("NVDA", "TSLA"):
        jobs.note(ticker, 1, "failed", "database disk image\nis malformed")
    assert trainings.problems() == []

    jobs.note("AAPL", 1, "failed", "database disk image\nis malformed")

    (problem,) = trainings.problems()
    assert problem.startswith("the last training of 4 models failed; mend what the newest says (AAPL at horizon 1): ")
    assert problem.endswith(": database disk image is malformed")
    jobs.note("MSFT", 1, "kept", "not better")
    assert trainings.problems() == []


def test_a_single_model_that_fails_is_all_there_is(jobs: TrainingJobs) -> None:
    jobs.note("MSFT", 1, "failed", "no longer configured")
    jobs.note("AAPL", 1, "failed", "too few sessions")

    (problem,) = FailingTrainings(jobs, [("AAPL", 1)]).problems()

    assert problem.startswith("the last training of 1 model failed")
