"""The command line as a user has it: real processes, real files, a real MLflow store."""

import csv
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from configuration import ROOT
from market.bars import COLUMNS, Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from tests.patience import PATIENT
from training_queue.jobs import TrainingJobs

TIMEOUT = PATIENT
TICKERS = '["FINE", "ALSO", "SHORT", "BROKEN", "FLAT"]'


def write_csv(bars: Bars, folder: Path) -> Path:
    path = folder / f"{bars.ticker}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["date", *COLUMNS])
        columns = (getattr(bars, name).tolist() for name in COLUMNS)
        writer.writerows(zip(bars.session.astype(str), *columns, strict=True))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, sessions: Sessions) -> Path:
    """Two good tickers, one with thirty bars, one with a line that cannot be, one whose price never moves."""
    folder = tmp_path_factory.mktemp("bars")
    session = sessions.between(FIRST, np.datetime64("2020-12-31"))
    for ticker in ("FINE", "ALSO", "BROKEN"):
        write_csv(simulate(ticker, session), folder)
    write_csv(simulate("SHORT", session[:30]), folder)
    still = np.full(session.size, 10.0)
    write_csv(Bars("FLAT", "files", session, still, still, still, still, still), folder)
    broken = folder / "BROKEN.csv"
    lines = broken.read_text(encoding="utf-8").splitlines()
    lines[41] = re.sub(r"^([^,]+),[^,]+", r"\1,-5", lines[41])
    broken.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def command(home: Path, files: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STOCKS_", "MLFLOW_"))}
    environ |= {
        "STOCKS_HOME": str(home),
        "BENTOML_HOME": str(home / "bentoml"),
        "STOCKS_TICKERS": TICKERS,
        "STOCKS_MARKET__PROVIDERS": '["files"]',
        "STOCKS_MARKET__FILES__DIRECTORY": str(files),
        "STOCKS_TRAINING__PROCESSES": "1",  # another takes seconds to start
        "STOCKS_TRAINING__TESTED": "500",
        "STOCKS_TRAINING__REFIT_EVERY": "250",
        "STOCKS_TRAINING__EVALUATION_REFIT_EVERY": "200",
    }
    return subprocess.run(
        [sys.executable, "-m", "training", *words],
        cwd=ROOT,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(home: Path, files: Path) -> "subprocess.CompletedProcess[str]":
    return command(home, files, "train", "--horizons", "1", STOCKS_TRAINING__PROCESSES="2")


@pytest.mark.slow
def test_train_publishes_what_it_can_and_says_what_it_cannot(trained: "subprocess.CompletedProcess[str]") -> None:
    assert trained.returncode == 1
    lines = trained.stdout.splitlines()
    for ticker in ("FINE", "ALSO"):
        assert any(ticker in line and "promoted" in line for line in lines)
    assert (
        "SHORT: 0 sessions with all inputs, but 314 are needed at horizon 1; fetch a longer history" in trained.stderr
    )
    (broken,) = [line for line in trained.stderr.splitlines() if "BROKEN.csv" in line]
    assert "BROKEN.csv:42: " in broken
    assert "FLAT: the close moved in 0 of" in trained.stderr
    assert "Traceback" not in trained.stderr


@pytest.mark.slow
def test_what_came_of_each_model_is_noted_for_the_service(
    trained: "subprocess.CompletedProcess[str]", home: Path
) -> None:
    assert trained.stdout
    jobs = TrainingJobs(home)
    fine, flat = jobs.last("FINE", 1), jobs.last("FLAT", 1)
    assert fine is not None
    assert flat is not None
    assert fine.status == "promoted"
    assert fine.reason.startswith("version 1: it is not significantly worse than the baseline")
    assert flat.status == "failed"
    assert flat.reason.startswith("FLAT: the close moved in 0 of")


@pytest.mark.slow
def test_the_champion_of_today_says_what_it_says_as_of_today(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path
) -> None:
    assert trained.stdout
    today = datetime.now(UTC).date()
    made, refused = (command(home, files, "as-of", "FINE", str(day)) for day in (today, today + timedelta(days=2)))
    assert made.returncode == 0, made.stderr
    assert "forest, version 1" in made.stdout
    assert "bars that had been fetched by then" in made.stdout
    assert refused.returncode == 1
    assert refused.stderr == f"Error: {today + timedelta(days=2)} lies ahead; give today or a day of the past\n"


@pytest.mark.slow
def test_train_can_resume(trained: "subprocess.CompletedProcess[str]", home: Path, files: Path) -> None:
    assert trained.stdout
    again = command(home, files, "train", "--horizons", "1,1", "--tickers", "FINE,FINE", "--resume")
    assert again.returncode == 0
    assert again.stdout == "left out 1 of 1: trained on the same bars before\n"


@pytest.mark.slow
def test_a_resumed_training_leaves_out_what_was_rejected_on_the_same_bars(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path, tmp_path: Path
) -> None:
    assert trained.stdout
    # A recipe that is new each time has to beat the champion by a share that nothing can.
    kept = {"STOCKS_TRAINING__PROMOTION_MARGIN": "0.99", "STOCKS_TRAINING__TESTED": "260"}
    words = ("train", "--horizons", "1", "--tickers", "ALSO")
    lines = (files / "ALSO.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "ALSO.csv").write_text("\n".join(lines[:-5]) + "\n", encoding="utf-8")
    assert "rejected" in command(home, tmp_path, *words, **kept).stdout

    again = command(home, tmp_path, *words, "--resume", **kept)
    otherwise = command(home, tmp_path, *words, "--resume", **(kept | {"STOCKS_TRAINING__TESTED": "270"}))

    assert again.stdout == "left out 1 of 1: trained on the same bars before\n"
    assert "left out 0 of 1" in otherwise.stdout, "another recipe may earn what that one did not"


@pytest.mark.slow
def test_a_training_of_which_nothing_comes_is_a_failed_run(home: Path, files: Path) -> None:
    assert command(home, files, "train", "--horizons", "1", "--tickers", "SHORT,FLAT").returncode == 1
    client = MlflowClient(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("stock-prediction")
    assert experiment is not None
    (run, *_) = client.search_runs([experiment.experiment_id], "tags.tickers = 'SHORT,FLAT'")
    assert run.info.status == "FAILED"
    assert "SHORT: 0 sessions with all inputs" in run.data.tags["failures"]
    assert run.data.metrics["models_failed"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accepts", "words"),
    [
        (False, ("train", "--tickers", "FINE", "--horizons", "1")),
        (False, ("ui",)),
        (True, ("status",)),
        (True, ("promote", "FINE", "1")),
    ],
)
def test_an_mlflow_that_does_not_answer_is_named_in_one_line(
    home: Path, files: Path, *, accepts: bool, words: tuple[str, ...]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if accepts:  # and says nothing
            listener.listen(64)
        address = f"http://me:secret@127.0.0.1:{listener.getsockname()[1]}"
        done = command(home, files, *words, MLFLOW_TRACKING_URI=address)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: MLflow at {address.replace('me:secret@', '')} does not answer")
    assert "unset MLFLOW_TRACKING_URI" in line
    assert "secret" not in line


@pytest.mark.slow
def test_status_tells_where_every_model_stands(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path
) -> None:
    assert trained.stdout
    done = command(home, files, "status")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FINE   1 ")]
    assert line.split()[2:5] == ["1", "1", "promoted"]
    assert any("SHORT" in line and "not trained yet" in line for line in done.stdout.splitlines())
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.returncode == 0


@pytest.mark.slow
def test_a_version_that_is_not_there_is_told_with_those_that_are(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path
) -> None:
    assert trained.stdout
    done = command(home, files, "promote", "FINE", "99")
    assert done.returncode == 1
    assert done.stderr == "Error: FINE at horizon 1: there is no version 99; there are 1\n"


@pytest.mark.slow
def test_a_rollback_without_an_earlier_champion_fails_in_one_line(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path
) -> None:
    assert trained.stdout
    done = command(home, files, "rollback", "FINE")
    assert done.returncode == 1
    kind = "no champion for the same kind of prices before it; `promote` takes any version"
    assert done.stderr.strip() == f"forest-FINE-1: version 1 has {kind}"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_evaluate_writes_a_row_for_every_session_and_the_same_for_a_cut_file(
    home: Path, files: Path, tmp_path: Path
) -> None:
    whole = command(home, files, "evaluate", "--out", str(tmp_path / "whole.csv"), "--tickers", "FINE")
    assert whole.returncode == 0, whole.stderr
    (summary,) = [line for line in whole.stdout.splitlines() if line.startswith("FINE   1 ")]
    assert summary.count("%") == 3, "coverage, and the gains over both yardsticks"
    cut = tmp_path / "cut"
    cut.mkdir()
    lines = (files / "FINE.csv").read_text(encoding="utf-8").splitlines()
    (cut / "FINE.csv").write_text("\n".join(lines[:600]) + "\n", encoding="utf-8")
    part = command(home, cut, "evaluate", "--out", str(tmp_path / "part.csv"), "--tickers", "FINE")
    assert part.returncode == 0, part.stderr

    all_rows, earlier = rows(tmp_path / "whole.csv"), rows(tmp_path / "part.csv")
    sessions = [line.split(",")[0] for line in lines[1:]]
    assert [row["made_on"] for row in all_rows] == sessions[-len(all_rows) :]
    assert sessions.index(all_rows[0]["made_on"]) < 1000
    assert all_rows[-1]["actual_return"] == ""
    known = [{**row, "actual_return": ""} for row in all_rows]
    assert [{**row, "actual_return": ""} for row in earlier] == known[: len(earlier)]
    assert len(earlier) == len(all_rows) - (len(lines) - 600)


@pytest.mark.slow
def test_evaluate_says_which_ticker_is_missing_and_writes_the_others(home: Path, files: Path, tmp_path: Path) -> None:
    done = command(home, files, "evaluate", "--out", str(tmp_path / "out.csv"), "--tickers", "FINE,SHORT,NONE")
    assert done.returncode == 1
    assert {row["ticker"] for row in rows(tmp_path / "out.csv")} == {"FINE"}
    assert len(done.stderr.strip().splitlines()) == 2
    assert "NONE" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "--horizons", "3"), "horizon 3: not among the configured `horizons` 1, 5, 21"),
        (("train", "--tickers", "A B"), "A B: not a ticker; they look like AAPL or BRK.B"),
        (("train", "--engine", "dask"), "--engine dask and --scheduler tcp://HOST:PORT go together"),
        (("promote", "FINE", "x"), "'x' is not a valid integer"),
        (("evaluate",), "Missing option '--out'"),
        (("ui", "--port", "99999"), "99999 is not in the range 1<=x<=65535"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(home: Path, files: Path, words: tuple[str, ...], message: str) -> None:
    done = command(home, files, *words)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [("compare", "--recipes", "forest,nope"), ("search", "nope"), ("backtest", "--recipe", "nope")]
)
def test_a_recipe_that_is_not_there_is_refused_before_anything_heavy_is_imported(
    home: Path, files: Path, words: tuple[str, ...]
) -> None:
    done = command(home, files, *words, PYTHONPROFILEIMPORTTIME="1")
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 1
    assert said.startswith("Error: recipe nope: not among the configured `training.recipes` forest, boosting, ")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"sklearn", "mlflow", "pandas", "onnx"}


@pytest.mark.slow
def test_where_nothing_is_to_be_published_it_says_so(
    trained: "subprocess.CompletedProcess[str]", home: Path, files: Path
) -> None:
    assert trained.stdout
    done = command(home, files, "publish")
    assert (done.returncode, done.stdout) == (
        0,
        "nothing to publish: the model store has every champion that there is\n",
    )


def test_a_wrong_setting_is_refused_in_one_line(home: Path, files: Path) -> None:
    done = command(home, files, "status", STOCKS_TRAINING__TESTED="-1")
    assert done.returncode == 1
    assert done.stderr.strip() == 'Error: configuration: training.tested = "-1": Input should be greater than 0'


@pytest.mark.parametrize("words", [("status",), ("train",)])
def test_a_hyperparameter_that_cannot_be_is_refused_in_one_line(
    home: Path, files: Path, words: tuple[str, ...]
) -> None:
    done = command(home, files, *words, STOCKS_TRAINING__RECIPES__FOREST__N_ESTIMATORS="0")
    assert done.returncode == 1
    problem = "training.recipes.forest.n_estimators = 0: Input should be greater than 0"
    assert done.stderr.strip() == f"Error: {problem}"


def test_help_lists_every_command(home: Path, files: Path) -> None:
    done = command(home, files, "--help")
    for name in ("train", "evaluate", "publish", "promote", "rollback", "status", "bento", "ui", "work"):
        assert f"\n  {name}" in done.stdout
