import threading
from pathlib import Path

import pytest

from training_queue.jobs import ASKED, MISSING, MOST_ATTEMPTS, RETRAIN, TrainingJobs
from training_queue.steps import Step


@pytest.fixture
def jobs(tmp_path: Path) -> TrainingJobs:
    return TrainingJobs(tmp_path)


def claimed(jobs: TrainingJobs) -> Step:
    step = jobs.claim()
    assert step is not None
    return step


def test_what_is_queued_is_claimed_once(jobs: TrainingJobs) -> None:
    assert not jobs.waiting()
    job = jobs.add("AAPL", [1], RETRAIN)
    assert jobs.waiting()

    step = claimed(jobs)

    assert (step.ticker, step.horizon, step.status, step.job_id) == ("AAPL", 1, "running", job.job_id)
    assert jobs.claim() is None
    assert not jobs.waiting()


def test_a_ticker_has_one_open_job(jobs: TrainingJobs) -> None:
    first = jobs.add("AAPL", [1, 5], RETRAIN)
    again = jobs.add("AAPL", [1], RETRAIN)
    wider = jobs.add("AAPL", [1, 5, 21], RETRAIN)

    assert first.job_id == again.job_id == wider.job_id
    assert [step.horizon for step in wider.steps] == [1, 5, 21]
    assert jobs.add("MSFT", [1], RETRAIN).job_id != first.job_id


def test_what_somebody_waits_for_goes_first(jobs: TrainingJobs) -> None:
    for ticker in ("AAPL", "MSFT", "TSLA"):
        jobs.add(ticker, [1], MISSING)
    jobs.add("TSLA", [1], ASKED)

    order = []
    while step := jobs.claim():
        order.append(step.ticker)
        jobs.finish(step, "promoted", "version 1")

    assert order == ["TSLA", "AAPL", "MSFT"]


def test_nothing_becomes_less_urgent(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], ASKED)

    assert jobs.add("AAPL", [1], MISSING).steps[0].priority == ASKED


def test_two_horizons_of_a_ticker_are_never_trained_at_once(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1, 5], RETRAIN)
    first = claimed(jobs)
    assert jobs.claim() is None

    jobs.finish(first, "promoted", "version 2")

    assert claimed(jobs).horizon == 5


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (["promoted", "promoted"], "promoted"),
        (["promoted", "kept"], "promoted"),
        (["kept", "kept"], "kept"),
        (["kept", "failed"], "failed"),
        (["promoted"], "running"),
        ([], "queued"),
    ],
)
def test_a_job_sums_up_its_horizons(jobs: TrainingJobs, outcomes: list[str], status: str) -> None:
    job_id = jobs.add("AAPL", [1, 5], RETRAIN).job_id
    for outcome in outcomes:
        jobs.finish(claimed(jobs), outcome, f"it was {outcome}")  # type: ignore[arg-type]  # they are statuses

    job = jobs.get(job_id)

    assert job is not None
    assert job.status == status
    assert (job.finished_at is not None) is (len(outcomes) == 2)
    assert (job.started_at is not None) is bool(outcomes)
    assert (job.reason or "").count("it was") == len(outcomes)


def test_a_job_under_way_is_running(jobs: TrainingJobs) -> None:
    job_id = jobs.add("AAPL", [1], RETRAIN).job_id
    claimed(jobs)

    job = jobs.get(job_id)

    assert job is not None
    assert job.status == "running"
    assert job.reason is None


def test_a_new_job_begins_when_the_old_one_has_ended(jobs: TrainingJobs) -> None:
    first = jobs.add("AAPL", [1], RETRAIN)
    jobs.finish(claimed(jobs), "kept", "no better")

    assert jobs.add("AAPL", [1], RETRAIN).job_id != first.job_id


def test_an_unknown_job_is_none(jobs: TrainingJobs) -> None:
    assert jobs.get("nonsense") is None


def test_the_queue_survives_a_restart(tmp_path: Path) -> None:
    job_id = TrainingJobs(tmp_path).add("AAPL", [1], RETRAIN).job_id

    assert claimed(TrainingJobs(tmp_path)).job_id == job_id


def test_what_a_dead_worker_left_is_queued_again(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], RETRAIN)
    left = claimed(jobs)

    jobs.resume()

    assert claimed(jobs).step_id == left.step_id


def test_a_step_that_workers_keep_dying_of_fails(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], RETRAIN)
    for _ in range(MOST_ATTEMPTS):
        claimed(jobs)
        jobs.resume()

    last = jobs.last("AAPL", 1)

    assert jobs.claim() is None
    assert last is not None
    assert (last.status, last.reason) == ("failed", "the worker ended 3 times while it trained this")


def test_a_step_that_is_put_back_lets_others_go_first(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], RETRAIN)
    jobs.add("MSFT", [1], RETRAIN)
    jobs.add("TSLA", [1], MISSING)

    jobs.requeue(claimed(jobs))

    assert [claimed(jobs).ticker for _ in range(3)] == ["MSFT", "AAPL", "TSLA"]


def test_failures_and_ends_are_remembered(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], RETRAIN)
    step = claimed(jobs)
    jobs.finish(step, "failed", "too few sessions")

    assert jobs.failed_since("AAPL", 1, since=0)
    assert not jobs.failed_since("AAPL", 1, since=step.queued_at + 1e6)
    assert not jobs.failed_since("AAPL", 5, since=0)
    assert [ended.reason for ended in jobs.finished(since=0)] == ["too few sessions"]
    assert jobs.finished(since=step.queued_at + 1e6) == []
    assert jobs.outcomes() == {"failed": 1}


def test_what_ended_long_ago_is_forgotten(jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    old = jobs.add("AAPL", [1], RETRAIN).job_id
    jobs.finish(claimed(jobs), "kept", "no better")
    monkeypatch.setattr("training_queue.jobs.SECONDS_KEPT", -1.0)
    jobs.add("MSFT", [1], RETRAIN)
    jobs.finish(claimed(jobs), "kept", "no better")

    assert jobs.get(old) is None
    last = jobs.last("AAPL", 1)
    assert last is not None, "but not what came of the last training"
    assert (last.status, last.reason) == ("kept", "no better")


def test_the_last_result_of_a_model_is_that_of_a_step_or_of_a_training_by_hand(jobs: TrainingJobs) -> None:
    assert jobs.last("AAPL", 1) is None
    jobs.add("AAPL", [1], RETRAIN)
    jobs.finish(claimed(jobs), "kept", "no better")
    jobs.note("AAPL", 1, "promoted", "version 2: better")
    jobs.note("AAPL", 5, "failed", "too few sessions")

    last = jobs.last("AAPL", 1)

    assert last is not None
    assert (last.status, last.reason) == ("promoted", "version 2: better")
    assert not jobs.failed_since("AAPL", 1, since=0)
    assert jobs.failed_since("AAPL", 5, since=0), "a training by hand counts too"


def test_many_workers_and_clients_never_work_a_step_twice(tmp_path: Path) -> None:
    tickers = [f"T{number}" for number in range(30)]
    seen: list[int] = []

    def client() -> None:
        for ticker in tickers:
            TrainingJobs(tmp_path).add(ticker, [1], RETRAIN)

    def worker() -> None:
        jobs = TrainingJobs(tmp_path)
        claims = (jobs.claim() for _ in range(40))
        seen.extend(step.step_id for step in claims if step)

    threads = [threading.Thread(target=work) for work in (client, worker, worker, client)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == len(set(seen))
    assert len(seen) + TrainingJobs(tmp_path).outcomes().get("queued", 0) == 30


@pytest.mark.parametrize("automatic", [ASKED, MISSING])
def test_a_persons_retraining_takes_over_an_automatic_step_that_waits(jobs: TrainingJobs, automatic: int) -> None:
    waiting = jobs.add("AAPL", [1], automatic).steps[0]

    job = jobs.add("AAPL", [1], RETRAIN)

    assert job.steps[0].priority == RETRAIN
    assert job.steps[0].step_id == waiting.step_id
    assert job.queued_at > waiting.queued_at, "bars from before are fetched anew"


@pytest.mark.parametrize("automatic", [ASKED, MISSING])
def test_a_persons_retraining_is_done_after_an_automatic_step_that_runs(jobs: TrainingJobs, automatic: int) -> None:
    jobs.add("AAPL", [1], automatic)
    running = jobs.claim()
    assert running is not None
    job = jobs.add("AAPL", [1], RETRAIN)

    jobs.finish(running, "kept", "rejected on the same bars before")

    asked = jobs.claim()
    assert asked is not None
    assert (asked.job_id, asked.priority) == (job.job_id, RETRAIN)
    jobs.finish(asked, "promoted", "version 2: better")
    ended = jobs.get(job.job_id)
    assert ended is not None
    assert (ended.status, ended.reason) == ("promoted", "horizon 1: version 2: better")


def test_a_person_who_asks_again_while_the_job_is_open_gets_what_is_done_and_what_failed_anew(
    jobs: TrainingJobs,
) -> None:
    job_id = jobs.add("AAPL", [1, 5, 21], RETRAIN).job_id
    jobs.finish(claimed(jobs), "promoted", "version 2: better")
    jobs.finish(claimed(jobs), "failed", "MLflow failed")

    again = jobs.add("AAPL", [1, 5, 21], RETRAIN)

    assert again.job_id == job_id
    assert sorted((step.horizon, step.status) for step in again.steps) == [
        (1, "promoted"),
        (5, "queued"),
        (21, "queued"),
    ]


def test_a_model_that_is_asked_for_while_it_is_trained_is_trained_once(jobs: TrainingJobs) -> None:
    jobs.add("AAPL", [1], MISSING)
    running = claimed(jobs)

    assert jobs.add("AAPL", [1], ASKED).job_id == running.job_id
    jobs.finish(running, "promoted", "version 1")

    assert jobs.claim() is None
