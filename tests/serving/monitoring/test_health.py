from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from configuration import Settings
from redis_client import connect_async
from serving.caching.redis_cache import RedisCache
from serving.contract.problems import Problem
from serving.models.forest_client import ForestClient
from serving.models.onnx_sessions import Output, Row
from serving.monitoring.health import Status
from training_queue.database import QueueUnavailable
from training_queue.jobs import Result, TrainingJobs

MakeStatus = Callable[..., Status]


@pytest.fixture
def jobs(settings: Settings) -> TrainingJobs:
    return TrainingJobs(settings.home)


async def answer(rows: Sequence[Row]) -> Sequence[Output]:
    return [Output(b"", "")] * len(rows)


@pytest.fixture
def make_status(settings: Settings, parts: Any, jobs: TrainingJobs) -> MakeStatus:
    def make(
        shared: RedisCache | None = None,
        forests: ForestClient | None = None,
        last_training: Callable[[str, int], Result | None] | None = None,
        trainer_problem: str = "",
        unpublished: Sequence[tuple[str, int]] = (),
    ) -> Status:
        return Status(
            settings,
            parts.market,
            parts.champions,
            predictor=parts.predictor,
            shared=shared or RedisCache(None, "test"),
            forests=forests or ForestClient(answer, 60.0),
            accuracy=lambda _ticker, _horizon: None,
            last_training=last_training or jobs.last,
            trainer_problem=lambda: trainer_problem,
            unpublished=lambda: unpublished,
        )

    return make


async def test_the_warm_up_loads_every_model_and_asks_every_ticker_once(
    make_status: MakeStatus, parts: Any, publish: Any
) -> None:
    publish("AAPL")
    status = make_status()
    assert status.warm_up_status().started_at is None

    await status.warm_up()

    told = status.warm_up_status()
    assert told.models_loaded == 1
    assert told.errors == []
    assert told.duration_seconds is not None
    assert all(parts.predictor.in_memory(ticker, 1) for ticker in ("AAPL", "MSFT", "TSLA"))


@pytest.mark.parametrize("real", [True, False])
async def test_the_log_says_when_prices_are_invented(
    make_status: MakeStatus,
    parts: Any,
    make_bars: Any,
    real: bool,  # noqa: FBT001
) -> None:
    if real:
        parts.market.bars = {ticker: make_bars(ticker, "files") for ticker in parts.market.bars}

    with capture_logs() as lines:
        await make_status().warm_up()

    assert [line["log_level"] for line in lines if line["event"] == "prices are simulated"] == ["warning"] * (not real)


async def test_a_ticker_without_prices_is_an_error_of_the_warm_up_and_stops_nothing(
    make_status: MakeStatus, parts: Any
) -> None:
    del parts.market.bars["MSFT"]
    status = make_status()

    await status.warm_up()

    assert [error.split(":")[0] for error in status.warm_up_status().errors] == ["MSFT"]
    assert parts.predictor.in_memory("TSLA", 1) is not None


async def test_a_bug_in_one_tickers_warm_up_stops_nothing(make_status: MakeStatus, parts: Any) -> None:
    parts.market.broken = RuntimeError("a bug")
    status = make_status()

    await status.warm_up()

    assert status.warm_up_status().errors == [f"{ticker}: RuntimeError: a bug" for ticker in ("AAPL", "MSFT", "TSLA")]


async def test_models_trained_since_the_start_are_counted(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL")
    status = make_status()
    await status.warm_up()
    publish("MSFT", trained_at=datetime.now(UTC) + timedelta(seconds=1))
    await parts.champions.look()

    assert status.warm_up_status().models_trained == 1


async def test_everything_fine_is_healthy(make_status: MakeStatus) -> None:
    health = await make_status().health()

    assert health.status == "healthy"
    assert health.reasons == []


async def test_old_or_missing_prices_degrade(make_status: MakeStatus, parts: Any) -> None:
    parts.market.stale = True
    del parts.market.bars["MSFT"]

    health = await make_status().health()

    assert health.status == "degraded"
    assert any("AAPL, TSLA" in reason for reason in health.reasons)
    assert any("no prices: MSFT" in reason for reason in health.reasons)


async def test_a_redis_that_is_configured_and_gone_degrades(make_status: MakeStatus) -> None:
    shared = RedisCache(connect_async("redis://127.0.0.1:1", 0.05), "test")

    health = await make_status(shared).health()

    assert health.status == "degraded"
    assert "Redis" in health.reasons[0]
    await shared.close()


async def test_forests_that_do_not_answer_degrade(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()

    async def gone(_rows: Sequence[Row]) -> Sequence[Output]:
        raise ConnectionError

    assert "the baseline does" in (await make_status(forests=ForestClient(gone, 60.0)).health()).reasons[0]


async def test_a_dead_trainer_degrades(make_status: MakeStatus) -> None:
    health = await make_status(trainer_problem="the trainer does not run; it is started again").health()

    assert health.status == "degraded"
    assert health.reasons == ["the trainer does not run; it is started again"]


async def test_a_champion_that_is_not_published_degrades(make_status: MakeStatus) -> None:
    health = await make_status(unpublished=[("AAPL", 5)]).health()

    assert health.reasons == ["the champion is not published yet: AAPL at horizon 5"]


async def test_a_refused_model_degrades_and_says_why(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL", corrupt=True)
    await parts.champions.look()

    health = await make_status().health()

    assert any("publish the model again" in reason for reason in health.reasons)


async def test_status_without_a_model(make_status: MakeStatus) -> None:
    status = await make_status().model("aapl", 1)

    assert status.ticker == "AAPL"
    assert not status.model_loaded
    assert status.model_type == "baseline"
    assert status.metrics is None
    assert status.last_training is None
    assert status.retrain_recommended
    assert status.reasons == ["there is no model yet; the baseline answers"]


async def test_status_of_a_model_that_was_trained_and_kept_back(make_status: MakeStatus, jobs: TrainingJobs) -> None:
    jobs.note("AAPL", 1, "kept", "version 3: it is significantly worse than the baseline")

    status = await make_status().model("AAPL", 1)

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
    make_status: MakeStatus, jobs: TrainingJobs, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = parts.market.sessions.closes(parts.market.bars["AAPL"].session[-1]).timestamp()
    monkeypatch.setattr("training_queue.jobs.time", lambda: closed - 1)
    jobs.note("AAPL", 1, "kept", "version 3: it is significantly worse than the baseline")

    assert (await make_status().model("AAPL", 1)).retrain_recommended


@pytest.mark.parametrize(("status", "said"), [("failed", "failed: why"), ("promoted", "one was promoted at")])
async def test_status_without_a_model_tells_what_came_of_the_training(
    make_status: MakeStatus, jobs: TrainingJobs, status: Any, said: str
) -> None:
    jobs.note("AAPL", 1, status, "why")

    told = await make_status().model("AAPL", 1)

    assert said in told.reasons[0]
    assert told.retrain_recommended


async def test_a_candidate_behind_a_model_that_serves_is_told_and_recommends_nothing(
    make_status: MakeStatus, jobs: TrainingJobs, parts: Any, publish: Any
) -> None:
    publish("AAPL")
    await parts.champions.look()
    jobs.note("AAPL", 1, "kept", "version 2: its improvement on the champion is 0.01%, not 0.20%")

    status = await make_status().model("AAPL", 1)

    assert status.last_training is not None
    assert status.last_training.status == "kept"
    assert status.reasons == []
    assert not status.retrain_recommended


async def test_a_list_of_trainings_that_cannot_be_read_costs_only_what_it_says(make_status: MakeStatus) -> None:
    def locked(_ticker: str, _horizon: int) -> Result | None:
        raise QueueUnavailable("jobs.sqlite: database is locked")

    assert (await make_status(last_training=locked).model("AAPL", 1)).last_training is None


async def test_status_of_a_fresh_model(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL", version=4)
    await parts.champions.look()

    status = await make_status().model("AAPL", 1)

    assert (status.model_loaded, status.model_type, status.version) == (True, "random_forest", 4)
    assert not status.stale
    assert not status.retrain_recommended
    assert status.metrics is not None


async def test_a_model_that_has_missed_a_month_is_stale(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL", trained_to=date(2024, 1, 2))
    await parts.champions.look()

    status = await make_status().model("AAPL", 1)

    assert status.stale
    assert status.retrain_recommended
    assert "new sessions" in status.reasons[0]


async def test_a_model_of_the_other_kind_of_prices_is_loaded_and_does_not_serve(
    make_status: MakeStatus, parts: Any, publish: Any
) -> None:
    publish("AAPL", simulated=False, source="files")
    await parts.champions.look()

    status = await make_status().model("AAPL", 1)

    assert status.model_loaded
    assert status.model_type == "baseline"
    assert "real prices" in status.reasons[0]


async def test_status_without_prices_still_answers(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    del parts.market.bars["AAPL"]

    status = await make_status().model("AAPL", 1)

    assert status.model_loaded
    assert status.reasons[-1].startswith("AAPL: no prices from any provider")
    assert not status.retrain_recommended, "there is nothing to train it on"


async def test_status_with_old_prices_says_so(make_status: MakeStatus, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    parts.market.stale = True

    (reason,) = (await make_status().model("AAPL", 1)).reasons

    last = parts.market.bars["AAPL"].session[-1]
    assert reason == f"prices are older than the last session: they end with {last}"


@pytest.mark.parametrize(("ticker", "horizon", "code"), [("NOPE", 1, 404), ("?", 1, 422), ("AAPL", 21, 422)])
async def test_what_cannot_be_asked(make_status: MakeStatus, ticker: str, horizon: int, code: int) -> None:
    with pytest.raises(Problem) as caught:
        await make_status().model(ticker, horizon)

    assert caught.value.status == code


async def test_a_model_made_for_other_inputs_is_refused(parts: Any, publish: Any) -> None:
    publish("AAPL", features=("something", "else"))
    await parts.champions.look()

    assert parts.champions.get("AAPL", 1) is None
    assert "made for other inputs" in parts.champions.refusal("AAPL", 1)
