from pathlib import Path

from training_queue.worker_wait import WorkerWait


def test_what_is_waited_for_is_told_until_that_is_over(tmp_path: Path) -> None:
    worker, service = WorkerWait(tmp_path), WorkerWait(tmp_path)
    assert service.reason() == ""

    worker.begin("the trainer waits for MLflow at http://127.0.0.1:5000, which does not answer")

    assert service.reason() == "the trainer waits for MLflow at http://127.0.0.1:5000, which does not answer"
    worker.end()
    worker.end()
    assert service.reason() == ""
