"""What keeps every model from being trained is waited for; what is wrong with one model fails that model."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

import configuration
from configuration import Settings
from tests.http_servers import serving
from tests.patience import PATIENT
from tests.redis_servers import free_port
from tests.serving.running import wait_until
from training.worker.hindrances import Hindered, wait_until_over
from training.worker.steps import work
from training_queue.jobs import MOST_ATTEMPTS, RETRAIN, TrainingJobs
from training_queue.steps import Step
from training_queue.worker_wait import WorkerWait


class Restarting(BaseHTTPRequestHandler):
    """An MLflow server that lists no experiments, and breaks off whatever else it is asked."""

    def do_GET(self) -> None:
        if not self.path.endswith("/health"):
            self.close_connection = True
            return
        self._say({})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say({"experiments": []})

    def _say(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture
def jobs(settings: Settings) -> TrainingJobs:
    return TrainingJobs(settings.home)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Where MLflow should be, by an address with a password in it."""
    monkeypatch.setattr("training.worker.patience.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("training.mlflow_registry.connection.ANSWERS_WITHIN", PATIENT)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(PATIENT)))
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    return port


def claimed(jobs: TrainingJobs) -> Step:
    step = jobs.claim()
    assert step is not None
    return step


def test_a_step_waits_in_the_queue_as_it_was_while_mlflow_is_away(jobs: TrainingJobs, port: int) -> None:
    job_id = jobs.add("AAPL", [1], RETRAIN).job_id
    settings = configuration.load()
    for _ in range(MOST_ATTEMPTS + 1):
        step = claimed(jobs)
        with pytest.raises(Hindered, match=f"MLflow at http://127.0.0.1:{port} does not answer") as caught:
            work(step, jobs, settings)
        caught.value.put_back()

    found = jobs.get(job_id)
    assert found is not None
    assert (found.status, found.steps[0].attempts, found.steps[0].priority) == ("queued", 0, RETRAIN)
    assert jobs.last("AAPL", 1) is None


def test_a_step_that_fails_whenever_mlflow_answers_again_is_left_to_fail(jobs: TrainingJobs, port: int) -> None:
    job_id = jobs.add("AAPL", [1], RETRAIN).job_id
    settings = configuration.load()
    with serving(ThreadingHTTPServer(("127.0.0.1", port), Restarting)):
        for _ in range(MOST_ATTEMPTS - 1):
            with pytest.raises(Hindered, match="MLflow failed") as caught:
                work(claimed(jobs), jobs, settings)
            caught.value.put_back()
        work(claimed(jobs), jobs, settings)

    found = jobs.get(job_id)
    assert found is not None
    assert found.status == "failed"


def test_the_wait_for_mlflow_is_told_while_it_lasts_and_logged_once(jobs: TrainingJobs, port: int) -> None:
    settings, told = configuration.load(), WorkerWait(configuration.home())
    sentence = f"the trainer waits for MLflow at http://127.0.0.1:{port}, which does not answer"
    jobs.add("AAPL", [1], RETRAIN)
    step = claimed(jobs)
    hindered = Hindered("mlflow", "", lambda: jobs.requeue(step))
    with capture_logs() as lines:
        waiting = threading.Thread(target=wait_until_over, args=(settings, hindered))
        waiting.start()
        wait_until(lambda: told.reason() == sentence, PATIENT, "it is told")
        assert jobs.waiting()
        with serving(ThreadingHTTPServer(("127.0.0.1", port), Restarting)):
            waiting.join(PATIENT)

    assert told.reason() == ""
    assert [(line["event"], line.get("problem")) for line in lines] == [
        ("training.waits", sentence),
        ("training.goes_on", None),
    ]


def test_a_server_that_says_nothing_is_away_too(jobs: TrainingJobs, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.mlflow_registry.connection.ANSWERS_WITHIN", 0.2)
    jobs.add("AAPL", [1], RETRAIN)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(Hindered, match="does not answer within") as caught,
    ):
        work(claimed(jobs), jobs, configuration.load())

    assert caught.value.hindrance == "mlflow"
