import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from market.market import History
from redis_client import connect_async
from serving.caching.redis_cache import RedisCache
from serving.models.forest_client import ForestClient
from serving.models.onnx_sessions import Output, Row
from serving.monitoring.health import HealthCheck
from tests.patience import PATIENT
from tests.redis_servers import LOCKED, Server
from training_queue.database import QueueUnavailable

MakeCheck = Callable[..., HealthCheck]


async def answer(rows: Sequence[Row]) -> Sequence[Output]:
    return [Output(b"", "")] * len(rows)


def published() -> Sequence[tuple[str, int]]:
    return []


@pytest.fixture
def make_check(make_settings: Any, parts: Any, settings: Any) -> MakeCheck:
    def make(
        redis_cache: RedisCache | None = None,
        forests: ForestClient | None = None,
        trainer_problem: str = "",
        unpublished: Callable[[], Sequence[tuple[str, int]]] = published,
        others: Sequence[Callable[[], Sequence[str]]] = (),
        refused_elsewhere: Callable[[], Mapping[tuple[str, int], str]] = dict,
        **changed: Any,
    ) -> HealthCheck:
        return HealthCheck(
            make_settings(tickers=list(settings.tickers), **changed),
            parts.market,
            parts.champions,
            redis_cache=redis_cache or RedisCache(None, "test"),
            forests=forests or ForestClient(answer, 60.0),
            trainer_problem=lambda: trainer_problem,
            unpublished=unpublished,
            others=others,
            refused_elsewhere=refused_elsewhere,
        )

    return make


async def test_everything_fine_is_healthy(make_check: MakeCheck) -> None:
    health = await make_check().check()

    assert health.status == "healthy"
    assert health.reasons == []


async def test_the_prices_of_several_tickers_are_looked_at_side_by_side(
    make_check: MakeCheck, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, all_asked = parts.market.history, asyncio.Barrier(len(parts.market.bars))

    async def together(ticker: str) -> History:
        await all_asked.wait()
        return await history(ticker)  # type: ignore[no-any-return]

    monkeypatch.setattr(parts.market, "history", together)

    health = await asyncio.wait_for(make_check().check(), PATIENT)

    assert health.status == "healthy"


async def test_old_or_missing_prices_degrade(make_check: MakeCheck, parts: Any) -> None:
    parts.market.stale = True
    del parts.market.bars["MSFT"]

    health = await make_check().check()

    assert health.status == "degraded"
    assert any("AAPL, TSLA" in reason for reason in health.reasons)
    assert any("no prices: MSFT" in reason for reason in health.reasons)


async def test_a_file_of_prices_that_cannot_be_read_degrades_though_older_prices_serve(
    make_check: MakeCheck, parts: Any
) -> None:
    parts.market.faults = ["AAPL: bars/AAPL.csv:3: close 'x' is not a number; correct the line or delete it"]

    (reason,) = (await make_check().check()).reasons

    assert reason.startswith("prices are not read anew: AAPL: bars/AAPL.csv:3")


async def test_of_many_tickers_those_are_looked_at_that_memory_holds(
    make_settings: Any, make_check: MakeCheck, parts: Any
) -> None:
    check = make_check()
    check._settings = make_settings(tickers=[f"T{number}" for number in range(21)] + ["AAPL"])  # noqa: SLF001

    (reason,) = [reason for reason in (await check.check()).reasons if reason.startswith("no prices")]

    assert reason.endswith("T19")
    assert parts.market.held("AAPL") is not None


async def test_a_redis_that_is_configured_and_gone_degrades(make_check: MakeCheck) -> None:
    shared = RedisCache(connect_async("redis://127.0.0.1:1", 0.05), "test")

    health = await make_check(shared).check()

    assert health.status == "degraded"
    assert health.reasons[0].startswith("Redis at 127.0.0.1:1 is configured and does not answer; ")
    await shared.close()


async def test_a_redis_that_refuses_the_password_is_said(make_check: MakeCheck, tmp_path: Path) -> None:
    server = Server(tmp_path, *LOCKED).start()
    shared = RedisCache(connect_async(f"redis://:wrong@{server.address}", PATIENT), "test")

    (reason,) = (await make_check(shared).check()).reasons

    assert reason.startswith(f"Redis at {server.address} is configured and refuses the user or the password of REDIS")
    assert "wrong" not in reason
    await shared.close()
    server.stop()


async def test_forests_that_do_not_answer_degrade(make_check: MakeCheck, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()

    async def gone(_rows: Sequence[Row]) -> Sequence[Output]:
        raise ConnectionError

    assert "the baseline does" in (await make_check(forests=ForestClient(gone, 60.0)).check()).reasons[0]


async def test_a_dead_trainer_degrades(make_check: MakeCheck) -> None:
    health = await make_check(trainer_problem="the trainer does not run; it is started again").check()

    assert health.status == "degraded"
    assert health.reasons == ["the trainer does not run; it is started again"]


async def test_a_champion_that_is_not_published_degrades(make_check: MakeCheck) -> None:
    health = await make_check(unpublished=lambda: [("AAPL", 5)]).check()

    assert health.reasons == ["the champion is not published yet: AAPL at horizon 5"]


async def test_a_refused_model_degrades_and_says_why(make_check: MakeCheck, parts: Any, publish: Any) -> None:
    publish("AAPL", corrupt=True)
    await parts.champions.look()

    health = await make_check().check()

    assert any("publish the model again" in reason for reason in health.reasons)


async def test_a_list_of_trainings_that_cannot_be_read_degrades(make_check: MakeCheck) -> None:
    def locked() -> Sequence[tuple[str, int]]:
        raise QueueUnavailable("jobs.sqlite: database is locked")

    health = await make_check(unpublished=locked).check()

    assert health.reasons == ["the list of trainings cannot be read: jobs.sqlite: database is locked"]


async def test_what_else_is_broken_degrades_and_a_list_that_cannot_be_read_is_said_once(make_check: MakeCheck) -> None:
    def locked() -> Sequence[str]:
        raise QueueUnavailable("jobs.sqlite: database is locked")

    health = await make_check(others=[locked, lambda: ["the disk is full"], locked]).check()

    assert health.reasons == [
        "the list of trainings cannot be read: jobs.sqlite: database is locked",
        "the disk is full",
    ]


async def test_what_another_worker_refuses_degrades_and_is_said_once(
    make_check: MakeCheck, parts: Any, publish: Any
) -> None:
    publish("AAPL", corrupt=True)
    await parts.champions.look()
    told = {("AAPL", 1): "the same", ("MSFT", 1): "its card is damaged"}

    health = await make_check(refused_elsewhere=lambda: told).check()

    assert [reason for reason in health.reasons if "refused" in reason][1:] == ["model refused: its card is damaged"]
    assert "the same" not in str(health.reasons)


async def test_simulated_prices_with_nothing_configured_are_healthy_and_said(make_check: MakeCheck) -> None:
    health = await make_check().check()

    assert (health.status, health.prices) == ("healthy", "simulated")


async def test_simulated_prices_degrade_where_a_real_provider_is_configured(make_check: MakeCheck) -> None:
    health = await make_check(market__tiingo__api_key="a-key-of-tiingo").check()

    assert (health.status, health.prices) == ("degraded", "simulated")
    assert health.reasons == ["prices are simulated although tiingo is configured: AAPL, MSFT, TSLA"]


async def test_simulated_prices_degrade_where_models_expect_real_ones(
    make_check: MakeCheck, parts: Any, publish: Any
) -> None:
    publish("AAPL", simulated=False, source="files")
    await parts.champions.look()

    health = await make_check().check()

    assert (health.status, health.prices) == ("degraded", "simulated")
    assert "the models of real prices do not answer" in health.reasons[0]


@pytest.mark.parametrize(("stale", "prices"), [(False, "real"), (True, "stale")])
async def test_real_prices_are_said_and_so_are_old_ones(
    make_check: MakeCheck,
    parts: Any,
    make_bars: Any,
    stale: bool,  # noqa: FBT001
    prices: str,
) -> None:
    parts.market.bars = {ticker: make_bars(ticker, "tiingo") for ticker in parts.market.bars}
    parts.market.stale = stale

    health = await make_check(market__tiingo__api_key="a-key-of-tiingo").check()

    assert health.prices == prices
    assert (health.status == "healthy") == (not stale)


async def test_without_any_price_they_are_stale(make_check: MakeCheck, parts: Any) -> None:
    parts.market.bars = {}

    assert (await make_check().check()).prices == "stale"
