from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from configuration import Settings
from serving.contract.problems import Problem
from serving.monitoring.model_status import ModelStatuses
from training_queue.database import QueueUnavailable
from training_queue.jobs import TrainingJobs
from training_queue.steps import Result

MakeStatuses = Callable[..., ModelStatuses]


@pytest.fixture
def jobs(settings: Settings) -> TrainingJobs:
    return TrainingJobs(settings.home)


@pytest.fixture
def make_statuses(settings: Settings, parts: Any, jobs: TrainingJobs) -> MakeStatuses:
    def make(last_training: Callable[[str, int], Result | None] | None = None) -> ModelStatuses:
        return ModelStatuses(
            settings,
            parts.market,
            parts.champions,
            accuracy=lambda _ticker, _horizon: None,
            last_training=last_training or jobs.last,
        )

    return make


async def test_status_without_a_model(make_statuses: MakeStatuses) -> None:
    status = await make_statuses().of("aapl", 1)

    assert status.ticker == "AAPL"
    assert not status.model_loaded
    assert status.model_type == "baseline"
    assert status.metrics is None
    assert status.last_training is None
    assert status.retrain_recommended
    assert status.reasons == ["there is no model yet; the baseline answers"]


async def test_status_of_a_model_that_was_trained_and_kept_back(
    make_statuses: MakeStatuses, jobs: TrainingJobs
) -> None:
    jobs.note("AAPL", 1, "kept", "version 3: it is significantly worse than the baseline")

    status = await make_statuses().of("AAPL", 1)

    assert not status.model_loaded
    assert status.last_training is not None
    assert status.last_training.status == "kept"
    assert abs(status.last_training.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert status.last_training.reason == "version 3: it is significantly worse than the baseline"
    (reason,) = status.reasons
    assert reason.startswith(f"there is no model: the candidate trained at {status.last_training.at:%Y-%m-%d}")
    assert reason.endswith(
        "was kept back: version 3: it is significantly worse than the baseline; the baseline answers"
    )
    assert not status.retrain_recommended, "the same bars would give the same"


async def test_a_candidate_that_was_kept_back_is_tried_again_when_there_are_newer_bars(
    make_statuses: MakeStatuses, jobs: TrainingJobs, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = parts.market.sessions.closes(parts.market.bars["AAPL"].session[-1]).timestamp()
    monkeypatch.setattr("training_queue.jobs.time", lambda: closed - 1)
    jobs.note("AAPL", 1, "kept", "version 3: it is significantly worse than the baseline")

    assert (await make_statuses().of("AAPL", 1)).retrain_recommended


@pytest.mark.parametrize(("status", "said"), [("failed", "failed: why"), ("promoted", "one was promoted at")])
async def test_status_without_a_model_tells_what_came_of_the_training(
    make_statuses: MakeStatuses, jobs: TrainingJobs, status: Any, said: str
) -> None:
    jobs.note("AAPL", 1, status, "why")

    told = await make_statuses().of("AAPL", 1)

    assert said in told.reasons[0]
    assert told.retrain_recommended


async def test_a_candidate_behind_a_model_that_serves_is_told_and_recommends_nothing(
    make_statuses: MakeStatuses, jobs: TrainingJobs, parts: Any, publish: Any
) -> None:
    publish("AAPL")
    await parts.champions.look()
    jobs.note("AAPL", 1, "kept", "version 2: its improvement on the champion is 0.01%, not 0.20%")

    status = await make_statuses().of("AAPL", 1)

    assert status.last_training is not None
    assert status.last_training.status == "kept"
    assert status.reasons == []
    assert not status.retrain_recommended


async def test_a_list_of_trainings_that_cannot_be_read_costs_only_what_it_says(make_statuses: MakeStatuses) -> None:
    def locked(_ticker: str, _horizon: int) -> Result | None:
        raise QueueUnavailable("jobs.sqlite: database is locked")

    assert (await make_statuses(last_training=locked).of("AAPL", 1)).last_training is None


async def test_status_of_a_fresh_model(make_statuses: MakeStatuses, parts: Any, publish: Any) -> None:
    publish("AAPL", version=4)
    await parts.champions.look()

    status = await make_statuses().of("AAPL", 1)

    assert (status.model_loaded, status.model_type, status.version) == (True, "random_forest", 4)
    assert not status.stale
    assert not status.retrain_recommended
    assert status.metrics is not None


async def test_a_model_that_has_missed_a_month_is_stale(make_statuses: MakeStatuses, parts: Any, publish: Any) -> None:
    publish("AAPL", trained_to=date(2024, 1, 2))
    await parts.champions.look()

    status = await make_statuses().of("AAPL", 1)

    assert status.stale
    assert status.retrain_recommended
    assert "new sessions" in status.reasons[0]


async def test_a_model_of_the_other_kind_of_prices_is_loaded_and_does_not_serve(
    make_statuses: MakeStatuses, parts: Any, publish: Any
) -> None:
    publish("AAPL", simulated=False, source="files")
    await parts.champions.look()

    status = await make_statuses().of("AAPL", 1)

    assert status.model_loaded
    assert status.model_type == "baseline"
    assert "real prices" in status.reasons[0]


async def test_status_without_prices_still_answers(make_statuses: MakeStatuses, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    del parts.market.bars["AAPL"]

    status = await make_statuses().of("AAPL", 1)

    assert status.model_loaded
    assert status.reasons[-1].startswith("AAPL: no prices from any provider")
    assert not status.retrain_recommended, "there is nothing to train it on"


async def test_status_with_old_prices_says_so(make_statuses: MakeStatuses, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    parts.market.stale = True

    (reason,) = (await make_statuses().of("AAPL", 1)).reasons

    last = parts.market.bars["AAPL"].session[-1]
    assert reason == f"prices are older than the last session: they end with {last}"


@pytest.mark.parametrize(("ticker", "horizon", "code"), [("NOPE", 1, 404), ("?", 1, 422), ("AAPL", 21, 422)])
async def test_what_cannot_be_asked(make_statuses: MakeStatuses, ticker: str, horizon: int, code: int) -> None:
    with pytest.raises(Problem) as caught:
        await make_statuses().of(ticker, horizon)

    assert caught.value.status == code


async def test_a_model_made_for_other_inputs_is_refused(parts: Any, publish: Any) -> None:
    publish("AAPL", features=("something", "else"))
    await parts.champions.look()

    assert parts.champions.get("AAPL", 1) is None
    assert "made for other inputs" in parts.champions.refusal("AAPL", 1)


async def test_a_model_that_is_refused_says_why_and_not_that_there_is_none(
    make_statuses: MakeStatuses, parts: Any, publish: Any
) -> None:
    publish("AAPL", corrupt=True)
    await parts.champions.look()

    status = await make_statuses().of("AAPL", 1)

    (reason,) = status.reasons
    assert "not the file its card belongs to" in reason
    assert (status.model_loaded, status.model_type, status.retrain_recommended) == (False, "baseline", True)
