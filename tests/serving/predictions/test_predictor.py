"""The design's fallbacks, in their order, and what a prediction says about itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from forecasting.reports.reaction import USUAL
from market.errors import NoPrices
from market.quotes.quote import Quote
from market.reports.dates import Report, ReportDates, Timing
from serving.contract.problems import Problem


async def test_a_model_answers_where_there_is_one(parts: Any, publish: Any) -> None:
    publish("AAPL", version=7)
    await parts.champions.look()

    computed = await parts.computing.compute("AAPL", 1)

    assert computed.prediction.model.type == "random_forest"
    assert computed.prediction.model.version == 7
    assert computed.model == "forest-aapl-1/v7"
    assert not computed.fallback


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        (None, "no_model"),
        ({"simulated": False, "source": "files"}, "other_kind_of_prices"),
        ({"corrupt_later": True}, "model_failed"),
    ],
)
async def test_the_baseline_answers_where_a_model_cannot(
    parts: Any, publish: Any, published: dict[str, Any] | None, reason: str
) -> None:
    if published is not None:
        corrupt_later = published.pop("corrupt_later", False)
        entry = publish("AAPL", **published)
        await parts.champions.look()
        if corrupt_later:
            entry.forest.write_bytes(b"\0")
            parts.forests._open.clear()  # noqa: SLF001  # as if the memory had been needed

    computed = await parts.computing.compute("AAPL", 1)

    assert computed.prediction.model.type == "baseline"
    assert computed.fallback == reason


async def test_too_few_sessions_for_the_inputs_are_enough_for_the_baseline(
    parts: Any, publish: Any, make_bars: Any
) -> None:
    publish("AAPL")
    await parts.champions.look()
    parts.market.bars["AAPL"] = make_bars("AAPL", count=30)

    assert (await parts.computing.compute("AAPL", 1)).fallback == "too_few_sessions"


@pytest.mark.parametrize("count", [0, 1])
async def test_without_prices_it_is_503_and_says_when_to_ask_again(parts: Any, make_bars: Any, count: int) -> None:
    if count:
        parts.market.bars["AAPL"] = make_bars("AAPL", count=count)
    else:
        del parts.market.bars["AAPL"]

    with pytest.raises(Problem) as caught:
        await parts.computing.compute("AAPL", 1)

    assert caught.value.status == 503
    assert int(caught.value.headers["Retry-After"]) > 0


async def test_direction_and_target_never_disagree(parts: Any, publish: Any) -> None:
    for version, expected in enumerate((-0.4, -0.01, 0.0, 0.01, 0.4), start=1):
        publish("AAPL", version=version, below=(expected, 0.0, 0.0), above=(expected, 0.0, 0.0))
        await parts.champions.look()

        prediction = (await parts.computing.compute("AAPL", 1)).prediction

        rises = prediction.prediction.price_target >= prediction.current_price
        assert (prediction.prediction.direction == "bullish") is rises
        assert 0.5 <= prediction.prediction.confidence <= 1
        assert prediction.prediction.interval.lower < prediction.prediction.interval.upper


async def test_the_target_is_the_session_after_the_last_bar(parts: Any, weekdays: Any) -> None:
    prediction = (await parts.computing.compute("AAPL", 5)).prediction.prediction

    made_on = np.datetime64(prediction.made_on)
    assert made_on == parts.market.bars["AAPL"].session[-1]
    assert prediction.target_on == weekdays.after(made_on, 5).item()


async def test_an_answer_is_as_stale_as_its_prices(parts: Any) -> None:
    assert not (await parts.computing.compute("AAPL", 1)).prediction.data.stale
    parts.market.stale = True

    assert (await parts.computing.compute("AAPL", 1)).prediction.data.stale


async def test_it_expires_with_its_quote(parts: Any) -> None:
    parts.market.quote_life = 12.0

    computed = await parts.computing.compute("AAPL", 1)

    assert computed.expires == pytest.approx(datetime.now(UTC).timestamp() + 12, abs=2)


async def test_while_a_session_runs_its_quote_is_the_close(parts: Any, publish: Any, weekdays: Any) -> None:
    """The calendar is moved so that a session runs now."""
    publish("AAPL")
    await parts.champions.look()
    now = datetime.now(UTC)
    today, before = now.date(), now.date() - timedelta(days=1)
    bars = parts.market.bars["AAPL"]
    sessions = np.append(bars.session[bars.session < np.datetime64(today)], np.datetime64(today))
    after = np.array([np.datetime64(today) + day for day in range(1, 30)])
    every = np.concatenate([sessions, after])
    noon = every.astype("datetime64[s]").astype(np.int64)
    open_at, close_at = noon, noon + 86399
    parts.market.sessions = type(weekdays)(every, open_at.astype("datetime64[s]"), close_at.astype("datetime64[s]"))
    parts.market.bars["AAPL"] = bars[: int(np.searchsorted(bars.session, np.datetime64(today)))]

    price = round(1.01 * float(parts.market.bars["AAPL"].close[-1]), 2)

    async def quote(ticker: str) -> Quote:
        return Quote(ticker, price, now, "simulated", fetched_at=now, expires_at=now + timedelta(minutes=5))

    parts.market.quote = quote
    prediction = (await parts.computing.compute("AAPL", 1)).prediction

    assert prediction.data.provisional
    assert prediction.current_price == price
    assert prediction.prediction.made_on == today > before
    assert prediction.prediction.target_on == today + timedelta(days=1)
    assert isinstance(prediction.prediction.made_on, date)


async def test_fresh_means_a_row_of_its_own_every_time(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    before = sum(parts.calls)

    for _ in range(5):
        await parts.computing.compute("AAPL", 1, fresh=True)

    assert sum(parts.calls) - before == 5


async def test_identical_inputs_are_computed_once(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    before = sum(parts.calls)

    computed = [await parts.computing.compute("AAPL", 1) for _ in range(5)]

    assert sum(parts.calls) - before == 1
    assert [one.reused for one in computed] == [False, True, True, True, True]
    assert len({one.prediction.prediction for one in computed}) == 1


async def test_another_model_or_another_bar_is_another_input(parts: Any, publish: Any, make_bars: Any) -> None:
    publish("AAPL", version=1)
    await parts.champions.look()
    await parts.computing.compute("AAPL", 1)
    publish("AAPL", version=2, below=(0.9, 0.0, 0.0), above=(0.9, 0.0, 0.0))
    await parts.champions.look()
    assert not (await parts.computing.compute("AAPL", 1)).reused
    parts.market.bars["AAPL"] = make_bars("AAPL")[:-1]

    assert not (await parts.computing.compute("AAPL", 1)).reused


async def test_errors_about_prices_name_the_ticker(parts: Any) -> None:
    parts.market.broken = NoPrices("AAPL", ["quota spent"])

    with pytest.raises(Problem, match=r"AAPL: .*quota spent"):
        await parts.computing.compute("AAPL", 1)


async def test_a_report_that_is_due_widens_the_interval_at_once(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    before = (await parts.computing.compute("AAPL", 1)).prediction.prediction.interval

    made_on = parts.market.bars["AAPL"].session[-1]
    timing, fetched_at = Timing.AFTER_CLOSE, datetime(2000, 1, 1, tzinfo=UTC)
    parts.market.reports["AAPL"] = ReportDates("AAPL", (Report(made_on, timing, "files", fetched_at),))
    after = (await parts.computing.compute("AAPL", 1)).prediction.prediction.interval

    assert after.upper - after.lower == pytest.approx(USUAL.widening(1) * (before.upper - before.lower), rel=0.01)


async def test_the_next_report_is_told_with_where_its_date_came_from(parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    assert (await parts.computing.compute("AAPL", 1)).prediction.data.report is None, "no dates are known"
    session = parts.market.sessions.session
    made_on = int(np.searchsorted(session, parts.market.bars["AAPL"].session[-1]))
    fetched_at = datetime(2020, 1, 1, tzinfo=UTC)
    past, coming = session[made_on - 10], session[made_on + 3]
    dates = [Report(day, Timing.BEFORE_OPEN, source, fetched_at) for day, source in ((past, "edgar"), (coming, "file"))]
    parts.market.reports["AAPL"] = ReportDates("AAPL", tuple(dates))

    near, far = [(await parts.computing.compute("AAPL", horizon)).prediction.data.report for horizon in (1, 5)]

    assert (np.datetime64(near.expected_on), near.confirmed, near.source) == (coming, True, "file")
    assert (near.in_horizon, far.in_horizon) == (0, 1)
