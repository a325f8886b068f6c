"""What the worker makes of a step: real prices that are invented, a real MLflow store, a real list of trainings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import configuration
from configuration import ROOT, Settings
from tests.patience import PATIENT
from tests.serving.running import environment, wait_until
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.runs.experiment import EXPERIMENT
from training.publishing.operations import roll_back
from training.worker.steps import work
from training.worker.ticker_lock import LockLost
from training_queue.jobs import MISSING, RETRAIN, TrainingJobs
from training_queue.steps import Result
from training_queue.worker_lock import REFUSED, WorkerLock

# The worker as the service starts it, but for its low priority, which on a busy machine makes it wait for minutes.
WORKER_AT_NORMAL_PRIORITY = "from training.worker import process; process.NICENESS = 0; process.main()"


@pytest.fixture
def jobs(settings: Settings) -> TrainingJobs:
    return TrainingJobs(settings.home)


def worked(jobs: TrainingJobs, settings: Settings, ticker: str = "AAPL", priority: int = MISSING) -> Result:
    """Queue a step, work it, and say what came of it."""
    jobs.add(ticker, [1], priority)
    step = jobs.claim()
    assert step is not None
    work(step, jobs, settings)
    last = jobs.last(ticker, 1)
    assert last is not None
    return last


@pytest.mark.slow
def test_a_step_is_trained_registered_and_told(
    jobs: TrainingJobs, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "250")

    last = worked(jobs, configuration.load())

    assert last.status == "promoted"
    assert last.reason == "version 1: it is not significantly worse than the baseline, and there is no champion"
    assert (model_store / "forest-aapl-1" / "latest").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("model_store")
def test_what_was_rejected_is_not_trained_again_on_the_same_bars_unless_a_person_asks(
    jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "250")
    assert worked(jobs, configuration.load(), "MSFT").status == "promoted"
    # A recipe that is new has to beat the champion by a share that nothing can.
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "260")
    monkeypatch.setenv("STOCKS_TRAINING__PROMOTION_MARGIN", "0.99")
    first, again = (worked(jobs, configuration.load(), "MSFT") for _ in range(2))
    asked = worked(jobs, configuration.load(), "MSFT", RETRAIN)

    assert [one.status for one in (first, again, asked)] == ["kept", "kept", "kept"]
    assert again.reason == "version 2: rejected on the same bars before"
    assert asked.reason.startswith("version 3: its improvement on the champion")


@pytest.mark.slow
@pytest.mark.usefixtures("model_store")
def test_what_was_rolled_back_does_not_come_back_on_the_same_bars(
    jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "250")
    settings = configuration.load()
    for asked in (MISSING, RETRAIN):
        assert worked(jobs, settings, "MSFT", asked).status == "promoted"
    registry = Registry(settings)
    assert roll_back(registry, "MSFT", 1) == 1

    again = worked(jobs, settings, "MSFT")

    assert (again.status, again.reason) == ("kept", "version 2: rolled back on the same bars before")
    assert registry.champion("MSFT", 1) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("model_store")
def test_a_model_whose_onnx_file_differs_is_never_registered(
    settings: Settings, jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "250")
    monkeypatch.setattr("training.onnx_conversion.export.TOLERANCE", -1.0)

    last = worked(jobs, configuration.load())

    assert last.status == "failed"
    assert last.reason.startswith("AAPL: the ONNX file differs from its model")
    assert MlflowClient(settings.tracking_uri).search_model_versions("name = 'forest-AAPL-1'") == []


def test_a_refit_of_which_nothing_comes_is_a_failed_run(
    settings: Settings, jobs: TrainingJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"2024-03-0{day},10,11,9,10.{day},100\n" for day in (4, 5, 6, 7, 8)]
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "AAPL.csv").write_text("date,open,high,low,close,volume\n" + "".join(rows), encoding="utf-8")
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(tmp_path / "bars"))

    last = worked(jobs, configuration.load())

    assert last.status == "failed"
    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert run.data.tags["failures"] == last.reason


@pytest.mark.slow
@pytest.mark.usefixtures("model_store")
def test_a_lock_that_another_replica_took_meanwhile_lets_no_champion_move(
    settings: Settings, jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "250")

    def lost() -> None:
        raise LockLost("AAPL: another replica has trained it meanwhile")

    jobs.add("AAPL", [1], MISSING)
    step = jobs.claim()
    assert step is not None
    work(step, jobs, configuration.load(), lost)

    last = jobs.last("AAPL", 1)
    assert last is not None
    assert (last.status, last.reason) == ("failed", "AAPL: another replica has trained it meanwhile")
    version = MlflowClient(settings.tracking_uri).get_model_version("forest-AAPL-1", "1")
    assert (version.tags["decision"], version.aliases) == ("rejected", ["challenger"])


@pytest.mark.slow
def test_the_log_of_a_worker_is_ours_alone_and_tells_what_it_does(tmp_path: Path) -> None:
    given = {"STOCKS_TICKERS": '["AAPL"]', "STOCKS_HORIZONS": "[1]", "STOCKS_TRAINING__TESTED": "250"}
    jobs = TrainingJobs(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER_AT_NORMAL_PRIORITY],
            cwd=ROOT,
            env=environment(tmp_path, **given),
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: jobs.last("AAPL", 1) is not None and b"promoted" in written(tmp_path), PATIENT, "trained")
    finally:
        process.terminate()
        process.wait(timeout=PATIENT)

    lines = [json.loads(line) for line in written(tmp_path).splitlines()]

    assert [line["event"] for line in lines] == ["training.queued", "training.finished"]
    assert lines[0]["models"] == 1
    assert (lines[1]["ticker"], lines[1]["outcome"]) == ("AAPL", "promoted")


def written(home: Path) -> bytes:
    return (home / "log").read_bytes()


@pytest.mark.slow
def test_a_recipe_that_cannot_be_ends_the_worker_with_one_line_and_word_of_why(tmp_path: Path) -> None:
    given = environment(tmp_path, STOCKS_TRAINING__RECIPES__FOREST__N_ESTIMATORS="0")

    done = subprocess.run(
        [sys.executable, "-c", WORKER_AT_NORMAL_PRIORITY],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )

    assert done.returncode == REFUSED
    (line,) = (done.stdout + done.stderr).splitlines()
    problem = "training.recipes.forest.n_estimators = 0: Input should be greater than 0"
    assert json.loads(line)["event"] == "trainer.refused"
    assert json.loads(line)["problem"] == problem
    assert WorkerLock(tmp_path).refusal() == problem
    assert not TrainingJobs(tmp_path).waiting()
