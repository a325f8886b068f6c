import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from market.errors import NoPrices
from serving.contract.problems import Problem
from serving.contract.validation import Asked
from serving.models.forest_client import ForestsUnavailable
from serving.predictions.cached import FALLBACK_TTL_SECONDS, STALE_AFTER_SECONDS
from serving.predictions.rendered import Rendered


async def eventually(holds: Callable[[], bool]) -> None:
    """Let others go on until it holds; the test's own time-out is the limit."""
    while not holds():  # noqa: ASYNC110  # what it waits for has no event
        await asyncio.sleep(0)


async def test_the_first_answer_is_a_miss_and_the_next_a_hit_with_the_same_bytes(parts: Any) -> None:
    first, second = await parts.predictor.answer("aapl", 1), await parts.predictor.answer("AAPL", 1)

    assert (first.layer, second.layer) == ("miss", "memory")
    assert first.answer.body is second.answer.body
    assert json.loads(first.answer.body)["ticker"] == "AAPL"


async def test_a_hundred_simultaneous_misses_make_one_computation(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    parts.market.gate.clear()
    asked, rows = parts.market.asked, sum(parts.calls)
    waiting = [asyncio.create_task(parts.predictor.answer("AAPL", 1)) for _ in range(100)]
    await eventually(lambda: parts.market.asked > asked)
    parts.market.gate.set()

    answers = await asyncio.gather(*waiting)

    assert len({id(one.answer) for one in answers}) == 1
    assert parts.market.asked - asked == 1
    assert sum(parts.calls) - rows == 1


async def test_who_hangs_up_takes_nobody_along(parts: Any) -> None:
    parts.market.gate.clear()
    impatient = asyncio.create_task(parts.predictor.answer("AAPL", 1))
    patient = asyncio.create_task(parts.predictor.answer("AAPL", 1))
    await eventually(lambda: parts.market.asked > 0)
    impatient.cancel()
    parts.market.gate.set()

    assert (await patient).answer.prediction.ticker == "AAPL"


async def test_fresh_answers_are_shared_with_nobody(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    rows = sum(parts.calls)

    answers = await asyncio.gather(*(parts.predictor.answer("AAPL", 1, fresh=True) for _ in range(20)))

    assert sum(parts.calls) - rows == 20
    assert {one.layer for one in answers} == {"miss"}
    assert parts.predictor.in_memory("AAPL", 1) is None


async def test_an_answer_lives_no_longer_than_its_quote(parts: Any, clock: Any) -> None:
    parts.market.quote_life = 20
    await parts.predictor.answer("AAPL", 1)
    assert parts.predictor.in_memory("AAPL", 1) is not None

    clock.advance(21)

    assert parts.predictor.in_memory("AAPL", 1) is None
    assert (await parts.predictor.answer("AAPL", 1)).layer == "miss"


async def test_after_its_life_in_memory_an_unchanged_forecast_is_reused(
    make_parts: Any, publish: Any, clock: Any
) -> None:
    parts = make_parts(memory_ttl=30)
    publish("AAPL")
    await parts.champions.look()
    first = await parts.predictor.answer("AAPL", 1)
    clock.advance(31)

    second = await parts.predictor.answer("AAPL", 1)

    assert (first.layer, second.layer) == ("miss", "prediction")
    assert first.answer.prediction.prediction == second.answer.prediction.prediction


async def test_no_memory_at_all_when_it_is_switched_off(make_parts: Any) -> None:
    parts = make_parts(memory_ttl=0.0)
    await parts.predictor.answer("AAPL", 1)

    assert parts.predictor.in_memory("AAPL", 1) is None


async def test_a_swapped_model_answers_at_once(parts: Any, publish: Any) -> None:
    for version in (1, 2):
        publish("AAPL", version=version)
        await parts.champions.look()

        assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.version == version


async def test_an_answer_that_was_under_way_during_a_swap_is_not_kept(parts: Any, publish: Any) -> None:
    publish("AAPL", version=1)
    await parts.champions.look()
    reached, gate, run = asyncio.Event(), asyncio.Event(), parts.computing.make  # between the model and the answer

    async def slow(*given: Any, **named: Any) -> Any:
        made = await run(*given, **named)
        reached.set()
        await gate.wait()
        return made

    parts.computing.make = slow
    under_way = asyncio.create_task(parts.predictor.answer("AAPL", 1))
    await reached.wait()
    publish("AAPL", version=2)
    await parts.champions.look()
    gate.set()
    await under_way
    parts.computing.make = run

    assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.version == 2


async def test_while_a_slow_fresh_one_is_made_the_old_one_serves_marked(make_parts: Any, clock: Any) -> None:
    parts = make_parts(memory_ttl=30)
    await parts.predictor.answer("AAPL", 1)
    clock.advance(31)
    parts.market.gate.clear()
    asked = parts.market.asked

    answers = await asyncio.gather(*(parts.predictor.answer("AAPL", 1) for _ in range(10)))

    assert {one.layer for one in answers} == {"stale"}
    assert all(json.loads(one.answer.body)["data"]["stale"] for one in answers)
    assert parts.market.asked - asked == 1, "one refresh for all"
    parts.market.gate.set()
    await eventually(lambda: parts.predictor.in_memory("AAPL", 1) is not None)
    assert (await parts.predictor.answer("AAPL", 1)).layer == "memory"


async def test_without_patience_for_old_answers_everyone_waits(make_parts: Any, clock: Any) -> None:
    parts = make_parts(memory_ttl=30, stale_ttl=0.0)
    await parts.predictor.answer("AAPL", 1)
    clock.advance(31)
    parts.market.gate.clear()
    waiting = asyncio.create_task(parts.predictor.answer("AAPL", 1))
    await asyncio.sleep(2 * STALE_AFTER_SECONDS)
    assert not waiting.done()
    parts.market.gate.set()

    assert (await waiting).layer == "miss"


@pytest.mark.parametrize("failure", [NoPrices("AAPL", ["down"]), RuntimeError("a bug")])
async def test_when_everything_fails_an_earlier_answer_serves_marked(
    make_parts: Any, clock: Any, failure: Exception
) -> None:
    parts = make_parts(memory_ttl=30, stale_ttl=0.0)
    await parts.predictor.answer("AAPL", 1)
    clock.advance(31)
    parts.market.broken = failure

    found = await parts.predictor.answer("AAPL", 1)

    assert found.layer == "stale"
    assert found.answer.prediction.data.stale


async def test_and_only_without_one_it_is_503(parts: Any) -> None:
    parts.market.broken = NoPrices("AAPL", ["down"])

    with pytest.raises(Problem) as caught:
        await parts.predictor.answer("AAPL", 1)

    assert caught.value.status == 503


async def test_what_takes_too_long_is_503(make_parts: Any, settings: Any) -> None:
    parts = make_parts()
    serving = settings.serving.model_copy(update={"deadline": 0.05})
    parts.predictor._settings = settings.model_copy(update={"serving": serving})  # noqa: SLF001
    parts.market.gate.clear()

    with pytest.raises(Problem, match=r"no answer within 0\.05 s"):
        await parts.predictor.answer("AAPL", 1)


async def test_the_baseline_in_place_of_silent_forests_is_kept_for_a_moment_only(
    parts: Any, publish: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_rows: Any) -> Any:
        raise ForestsUnavailable

    publish("AAPL")
    await parts.champions.look()
    with monkeypatch.context() as patched:
        patched.setattr(parts.forests, "predict", silent)
        assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.type == "baseline"
    clock.advance(FALLBACK_TTL_SECONDS)

    assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.type == "random_forest"


async def test_a_model_that_fails_is_withdrawn(parts: Any, publish: Any) -> None:
    entry = publish("AAPL")
    await parts.champions.look()
    entry.forest.write_bytes(b"\0")
    parts.forests._open.clear()  # noqa: SLF001

    assert (await parts.predictor.answer("AAPL", 1)).answer.prediction.model.type == "baseline"

    assert parts.champions.get("AAPL", 1) is None
    assert "not the file its card belongs to" in parts.champions.refusal("AAPL", 1)


async def test_a_missing_model_is_wanted_with_every_answer_and_a_failing_one_is_not(parts: Any, publish: Any) -> None:
    for _ in range(2):
        await parts.predictor.answer("AAPL", 1)
    await parts.predictor.prepare("TSLA", 1)
    publish("MSFT")
    await parts.champions.look()
    await parts.predictor.answer("MSFT", 1)

    assert parts.wanted == [("AAPL", 1), ("AAPL", 1)]


async def test_several_at_once_and_one_that_fails_spoils_no_other(parts: Any) -> None:
    del parts.market.bars["MSFT"]

    found = await parts.predictor.predict_many(["tsla", "MSFT", "NOPE", "?", "AAPL", "AAPL"], 5)

    assert [one.ticker for one in found.predictions] == ["TSLA", "AAPL", "AAPL"]
    assert [(one.ticker, one.status) for one in found.problems] == [("MSFT", 503), ("NOPE", 404), ("?", 422)]


async def test_of_many_what_is_there_in_time_is_answered_and_the_rest_is_named(
    parts: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await parts.predictor.answer("AAPL", 1)
    serving = settings.serving.model_copy(update={"deadline": 0.2})
    parts.predictor._settings = settings.model_copy(update={"serving": serving})  # noqa: SLF001
    monkeypatch.setattr("serving.predictions.cached.COMPUTED_AT_ONCE", 1)
    parts.market.gate.clear()  # from now on no quote comes

    found = await parts.predictor.predict_many(["MSFT", "AAPL", "TSLA"], 1)

    assert [one.ticker for one in found.predictions] == ["AAPL"]
    assert [(one.ticker, one.status) for one in found.problems] == [("MSFT", 503), ("TSLA", 503)]
    assert "ask again" in found.problems[1].detail


async def test_a_bug_with_one_ticker_is_that_tickers_500(parts: Any) -> None:
    parts.market.broken = RuntimeError("a secret")

    (problem,) = (await parts.predictor.predict_many(["AAPL"], 1)).problems

    assert problem.status == 500
    assert "secret" not in problem.detail


async def test_a_retraining_drops_what_is_cached(parts: Any) -> None:
    await parts.predictor.answer("AAPL", 1)

    await parts.predictor.forget("AAPL")

    assert parts.predictor.in_memory("AAPL", 1) is None
    assert (await parts.predictor.answer("AAPL", 1)).layer == "miss"


async def test_the_timestamp_is_when_it_was_computed(make_parts: Any) -> None:
    parts = make_parts()
    before = datetime.now(UTC)
    first = await parts.predictor.answer("AAPL", 1)
    second = await parts.predictor.answer("AAPL", 1)

    assert before <= first.answer.prediction.timestamp == second.answer.prediction.timestamp


@pytest.mark.parametrize("published", [True, False])
async def test_more_of_the_distribution_is_read_from_the_answer_that_is_cached(
    parts: Any, publish: Any, *, published: bool
) -> None:
    if published:
        publish("AAPL")
        await parts.champions.look()
    plain = (await parts.predictor.answer("AAPL", 1)).answer.prediction
    asked = Asked(quantiles=(0.05, 0.5, 0.95), above=plain.current_price)

    described = await parts.predictor.describe("AAPL", 1, asked)

    more = described.answer.prediction.prediction
    assert described.layer == "memory"
    lower, median, upper = [one.price for one in more.quantiles]
    assert (lower, upper) == pytest.approx((plain.prediction.interval.lower, plain.prediction.interval.upper))
    assert median == pytest.approx(plain.prediction.price_target)
    rises = plain.prediction.confidence if plain.prediction.direction == "bullish" else 1 - plain.prediction.confidence
    assert more.above.probability == pytest.approx(rises, abs=1e-4)
    assert (await parts.predictor.answer("AAPL", 1)).answer.prediction == plain
    assert b"quantiles" not in (await parts.predictor.answer("AAPL", 1)).answer.body


async def test_a_distribution_that_redis_does_not_have_is_computed(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    kept = (await parts.predictor.answer("AAPL", 1)).answer
    other = Rendered.from_body(kept.body, kept.model, kept.expires)
    parts.predictor._memory.put(("AAPL", 1), other, 60)  # noqa: SLF001

    described = await parts.predictor.describe("AAPL", 1, Asked(above=1.0))

    assert described.answer.prediction.prediction.above.probability == 1
