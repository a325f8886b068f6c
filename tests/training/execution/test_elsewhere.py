"""Workers on a Dask cluster log and register what they train; the coordinator decides and points aliases."""

import pickle
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

import configuration
from configuration import Settings
from forecasting.card import ModelCard
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.reports.dates import ReportDates
from tests.training.execution.clusters import dask_cluster
from tests.training.recipes_of_tests import quick
from tests.training.test_commands import write_csv
from training.execution.decision import finish
from training.execution.elsewhere import attempt_and_record
from training.execution.engine import Engine
from training.execution.recorded import Recorded
from training.execution.run import RunRequest, run
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.publishing.operations import published_version

TICKERS = ("TEST", "OTHER")
CONFIG = quick(refit_every=120, tested=240)


@pytest.fixture
def on_server(
    settings: Settings,
    server: "tuple[str, subprocess.Popen[bytes]]",
    short_bars: Bars,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Bars of two tickers, and an MLflow server."""
    (settings.home / "bars").mkdir()
    write_csv(short_bars, settings.home / "bars")
    (settings.home / "bars" / "OTHER.csv").write_bytes((settings.home / "bars" / "TEST.csv").read_bytes())
    monkeypatch.setenv("STOCKS_MARKET__PROVIDERS", '["files"]')
    monkeypatch.setenv("STOCKS_MARKET__FILES__DIRECTORY", str(settings.home / "bars"))
    monkeypatch.setenv("STOCKS_TRAINING__TESTED", "240")
    monkeypatch.setenv("STOCKS_TRAINING__REFIT_EVERY", "120")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server[0])
    return configuration.load()


def version(settings: Settings, ticker: str, number: int) -> ModelVersion:
    return MlflowClient(settings.tracking_uri).get_model_version(f"forest-{ticker}-1", str(number))


def learnt(card: ModelCard) -> ModelCard:
    """The card without what tells two trainings apart."""
    metrics = card.metrics.model_copy(update={"training_time": 0.0})
    same = {"metrics": metrics, "run_id": "", "version": 0, "trained_at": None}
    return card.model_copy(update=same)


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.usefixtures("model_store")
def test_workers_record_the_same_numbers_and_the_coordinator_decides(on_server: Settings, tmp_path: Path) -> None:
    client, registry = MlflowClient(on_server.tracking_uri), Registry(on_server)
    run(on_server, RunRequest(TICKERS, [1], Engine(processes=1)))
    (tmp_path / "dask").mkdir()
    with dask_cluster(tmp_path / "dask") as (address, workers):
        outcomes = run(on_server, RunRequest(TICKERS, [1], Engine(address)))

    assert [(one.ticker, one.version, one.failed) for one in outcomes] == [(ticker, 2, False) for ticker in TICKERS]
    for outcome in outcomes:
        found = version(on_server, outcome.ticker, 2)
        logged = client.get_run(str(found.run_id))
        parent = client.get_run(logged.data.tags["mlflow.parentRunId"])
        assert (parent.info.run_name, parent.info.status) == ("pipeline", "FINISHED")
        assert logged.info.status == "FINISHED"
        assert any(f'"pid": {worker.pid},' in logged.data.tags["process"] for worker in workers)
        assert found.tags["decision"] == logged.data.tags["decision"] == outcome.decision
        assert registry.champion(outcome.ticker, 1) == 2
        assert published_version(on_server, outcome.ticker, 1) == "2"
        before, after = (registry.get(outcome.ticker, 1, number) for number in (1, 2))
        assert learnt(before.card) == learnt(after.card)
        assert before.onnx == after.onnx


@pytest.fixture
def elsewhere(on_server: Settings) -> Iterator[Registry]:
    """The register, with a run of the pipeline open."""
    registry = Registry(on_server)
    with registry.pipeline_run("pipeline", {}):
        yield registry


def test_little_comes_back_and_a_model_whose_worker_died_after_registering_it_is_registered_once(
    elsewhere: Registry, on_server: Settings, trained: Trained, short_bars: Bars
) -> None:
    client = MlflowClient(on_server.tracking_uri)
    found = attempt_and_record(elsewhere.parent, short_bars, 1, CONFIG)
    assert len(pickle.dumps(found)) < len(pickle.dumps(trained)) / 3
    client.update_run(run_id := str(version(on_server, "TEST", 1).run_id), "RUNNING")  # as a kill leaves it

    again = attempt_and_record(elsewhere.parent, short_bars, 1, CONFIG)

    assert isinstance(again, Recorded)
    assert (again.registered.version, again.registered.card.run_id) == (1, run_id)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'forest-TEST-1'")) == 1


def test_deciding_asks_the_server_little(
    elsewhere: Registry, on_server: Settings, short_bars: Bars, sessions: Sessions
) -> None:
    schedule = ReportSchedule.of(ReportDates.of("TEST", []), sessions.session, 0)

    def asked(unseen: int, *, worse: bool = False) -> tuple[str, int]:
        """The decision on a version trained without the last sessions, and how many requests it took."""
        call = (short_bars[: len(short_bars) - unseen], 1, CONFIG, schedule)
        recorded = attempt_and_record(elsewhere.parent, *call)
        assert isinstance(recorded, Recorded)
        if worse:
            evaluation = recorded.candidate.evaluation
            wide = replace(evaluation, lower=evaluation.lower - 1)
            recorded = replace(recorded, candidate=replace(recorded.candidate, evaluation=wide))
        before = requests(on_server)
        outcome = finish(on_server, elsewhere, call, recorded)
        return outcome.decision, requests(on_server) - before

    assert asked(2) == ("promoted", 8)
    assert asked(1) == ("promoted", 9)
    assert asked(0, worse=True) == ("rejected", 4)
    assert [version(on_server, "TEST", number).aliases for number in (1, 2, 3)] == [[], ["champion"], ["challenger"]]


def requests(settings: Settings) -> int:
    """How many requests the server has answered, as it notes before each answer."""
    return (settings.home / "server" / "log").read_text(encoding="utf-8").count(" HTTP/1.1")


def test_what_a_dead_worker_left_open_ends_with_the_pipeline(settings: Settings) -> None:
    client, registry = MlflowClient(settings.tracking_uri), Registry(settings)
    with registry.pipeline_run("pipeline", {}):
        parent = registry.parent
        assert not registry.is_server
        left = client.create_run(parent.experiment_id, tags={"mlflow.parentRunId": parent.run_id})
        other = client.create_run(parent.experiment_id, tags={"mlflow.parentRunId": "of another"})
    assert client.get_run(left.info.run_id).info.status == "KILLED"
    assert client.get_run(other.info.run_id).info.status == "RUNNING"
