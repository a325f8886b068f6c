"""Drift of the models that serve, from served predictions to the advice, the metric and the one line of log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from configuration import Settings
from features import features
from forecasting.formula import training_inputs
from forecasting.model_store import PublishedModel
from market.market import History
from market.reports.dates import Report, ReportDates, Timing
from serving.drift.watch import DriftWatch
from serving.monitoring.track_record.served_predictions import Noted
from serving.monitoring.track_record.track_record import TrackRecord
from serving.telemetry import metrics
from serving.training_requests.missing_models import WantedRetraining
from training_queue.jobs import TrainingJobs
from training_queue.worker_lock import WorkerLock

Publish = Callable[..., PublishedModel]
SERVED = 40


@dataclass
class Watching:
    watch: DriftWatch
    record: TrackRecord
    parts: Any
    asked: list[tuple[str, int]]

    def serve(self, ticker: str, half_width: float, version: int = 1) -> None:
        """Predictions for the last SERVED sessions whose outcome is known."""
        bars = self.parts.market.bars[ticker]
        for place in range(len(bars) - SERVED - 1, len(bars) - 1):
            made_on, target_on = str(bars.session[place]), str(bars.session[place + 1])
            noted = Noted(ticker, 1, made_on, target_on, "random_forest", version, True, 0.0, -half_width, half_width)
            self.record.note_once(noted)


@pytest.fixture
def watching(settings: Settings, parts: Any, tmp_path: Path) -> Callable[..., Watching]:
    def make(*, retrain: bool = False) -> Watching:
        training = settings.training.model_copy(update={"retrain_on_drift": retrain})
        changed = settings.model_copy(update={"training": training, "horizons": (1,)})
        record, asked = TrackRecord(tmp_path), []

        def ask(ticker: str, horizon: int) -> None:
            asked.append((ticker, horizon))

        return Watching(DriftWatch(changed, parts.market, parts.champions, record, ask), record, parts, asked)

    return make


async def test_intervals_that_always_miss_are_found_told_once_and_measured(
    watching: Callable[..., Watching], publish: Publish
) -> None:
    one = watching()
    publish("AAPL")
    publish("MSFT")
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)
    one.serve("MSFT", half_width=0.5)

    with capture_logs() as lines:
        await one.watch.look()
        await one.watch.look()

    found, other = one.watch.of("AAPL", 1), one.watch.of("MSFT", 1)
    assert found is not None
    assert other is not None
    assert (found.drifts, found.missed, found.sessions) == (True, 1.0, SERVED)
    assert (other.drifts, other.missed) == (False, 0.0)
    assert found.pooled_evidence is not None
    assert [line["ticker"] for line in lines if line["event"] == "drift.found"] == ["AAPL", "all"]
    samples = {tuple(s.labels.values()): s.value for s in one.watch.figures()[0].samples}
    assert samples["AAPL", "1"] == found.evidence
    assert samples.keys() == {("AAPL", "1"), ("MSFT", "1"), ("all", "1")}
    assert one.asked == [], "nobody configured a retraining"


async def test_a_new_version_begins_anew(watching: Callable[..., Watching], publish: Publish) -> None:
    one = watching()
    publish("AAPL", version=1)
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)
    await one.watch.look()

    publish("AAPL", version=2)
    await one.parts.champions.look()
    with capture_logs() as lines:
        await one.watch.look()

    assert one.watch.of("AAPL", 1) is None
    assert [line["event"] for line in lines if line["ticker"] == "AAPL"] == ["drift.over"]


async def test_only_tickers_with_new_outcomes_or_another_model_are_looked_at_again(
    watching: Callable[..., Watching], publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, asked = watching(), []
    publish("AAPL")
    publish("MSFT")
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)
    recent, bars = one.parts.market.recent, one.parts.market.bars

    async def counted(ticker: str) -> History:
        asked.append(ticker)
        return await recent(ticker)  # type: ignore[no-any-return]

    monkeypatch.setattr(one.parts.market, "recent", counted)
    for _ in range(2):
        await one.watch.look()
    assert asked == ["AAPL"], "of MSFT nothing was ever predicted"

    one.record.score_due({"AAPL": bars["AAPL"]})
    for _ in range(2):
        await one.watch.look()
    assert asked == ["AAPL"] * 2
    publish("AAPL", version=2)
    await one.parts.champions.look()
    for _ in range(2):
        await one.watch.look()
    assert asked == ["AAPL"] * 3


async def test_tickers_without_a_label_of_their_own_show_their_strongest_evidence(
    watching: Callable[..., Watching], publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_labelled", {"TSLA"})
    one = watching()
    for ticker, half_width in (("AAPL", 0.0001), ("MSFT", 0.02)):
        publish(ticker)
        one.serve(ticker, half_width)
    await one.parts.champions.look()

    await one.watch.look()

    samples = {tuple(s.labels.values()): s.value for s in one.watch.figures()[0].samples}
    found = one.watch.of("AAPL", 1)
    assert found is not None
    assert samples.keys() == {(metrics.OTHERS, "1"), ("all", "1")}
    assert samples[metrics.OTHERS, "1"] == found.evidence


async def test_sessions_with_reports_are_counted_apart(watching: Callable[..., Watching], publish: Publish) -> None:
    one = watching()
    publish("AAPL")
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)
    bars = one.parts.market.bars["AAPL"]
    report = Report(bars.session[-2], Timing.BEFORE_OPEN, "files", datetime.now(UTC))
    one.parts.market.reports["AAPL"] = ReportDates("AAPL", (report,))

    await one.watch.look()

    found = one.watch.of("AAPL", 1)
    assert found is not None
    assert (found.sessions, found.report_sessions, found.report_missed) == (SERVED - 1, 1, 1.0)


async def test_drift_names_the_inputs_that_moved_most(watching: Callable[..., Watching], publish: Publish) -> None:
    one = watching()
    bars = one.parts.market.bars["AAPL"]
    seen = features(bars, 1)[66:]
    usual = training_inputs(seen)
    moved = usual.model_copy(update={"fifths": (tuple(9.0 + np.arange(4)), *usual.fifths[1:])})
    formula = publish("AAPL").card.formula.model_copy(update={"training_inputs": moved})
    publish("AAPL", formula=formula)
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)

    await one.watch.look()

    found = one.watch.of("AAPL", 1)
    assert found is not None
    (largest, index), *others = found.shifted_inputs.items()
    assert (largest, index > 1) == ("change_1", True)
    assert all(other < index for _, other in others)


async def test_a_retraining_is_asked_for_once_where_that_is_configured(
    watching: Callable[..., Watching], publish: Publish
) -> None:
    one = watching(retrain=True)
    publish("AAPL")
    await one.parts.champions.look()
    one.serve("AAPL", half_width=0.0001)

    await one.watch.look()
    await one.watch.look()

    assert one.asked == [("AAPL", 1)]


def test_a_retraining_is_queued_where_a_worker_lives_and_at_most_daily(tmp_path: Path) -> None:
    jobs, worker = TrainingJobs(tmp_path), WorkerLock(tmp_path)
    wanted = WantedRetraining(jobs, worker)
    wanted.ask("AAPL", 1)
    assert not jobs.waiting()
    lock = worker.take()
    assert lock is not None

    jobs.note("MSFT", 1, "kept", f"trained at {datetime.now(UTC)}")
    wanted.ask("MSFT", 1)
    assert not jobs.waiting()
    wanted.ask("AAPL", 1)

    assert jobs.waiting()
