"""Predictions as of a day of the past: nothing that came later changes them, and they say by what they were made."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configuration import Settings
from market.history.past import KnownBy, PastHistory, past_history
from market.series import Adjustment, Series
from serving.contract.problems import Problem
from serving.contract.validation import Asked
from serving.predictions.past import PastPredictor

DAY = date(2023, 6, 30)


@pytest.fixture
def past(settings: Settings, parts: Any, store: Path, make_bars: Any, monkeypatch: pytest.MonkeyPatch) -> PastPredictor:
    """Over the fake market, whose bars reach back to 2018."""
    for ticker in settings.tickers:
        parts.market.bars[ticker] = make_bars(ticker, count=3000)

    async def as_of(ticker: str, day: date) -> PastHistory:
        series = Series((await parts.market.history(ticker)).bars, Adjustment.SPLIT)
        return past_history(series, day, KnownBy.SESSION_DATE, parts.market.sessions)

    monkeypatch.setattr(parts.market, "as_of", as_of, raising=False)
    return PastPredictor(settings, parts.market, parts.champions, parts.computing, [store])


async def test_bars_after_the_day_change_nothing(past: PastPredictor, parts: Any, publish: Any) -> None:
    publish("AAPL")
    await parts.champions.look()
    before = (await past.answer("AAPL", 5, DAY)).answer.prediction
    bars = parts.market.bars["AAPL"]
    later = bars.session > np.datetime64(DAY)
    changed = {name: np.where(later, 3 * getattr(bars, name), getattr(bars, name)) for name in ("open", "high", "low")}
    parts.market.bars["AAPL"] = replace(bars, close=np.where(later, 3 * bars.close, bars.close), **changed)

    after = (await past.answer("AAPL", 5, DAY)).answer.prediction

    assert after.model_copy(update={"timestamp": before.timestamp}) == before
    assert before.prediction.made_on == DAY
    assert before.prediction.target_on == date(2023, 7, 7)
    assert before.data.as_of.date() == DAY
    assert before.data.known_by == "session_date"


async def test_it_is_what_the_predictor_said_on_that_day(
    past: PastPredictor, parts: Any, publish: Any, make_bars: Any
) -> None:
    publish("AAPL")
    await parts.champions.look()
    said = (await past.answer("AAPL", 1, DAY)).answer.prediction
    parts.market.bars["AAPL"] = make_bars("AAPL", ends=DAY, count=3000)

    assert said.prediction == (await parts.computing.compute("AAPL", 1)).prediction.prediction


async def test_the_newest_model_that_was_trained_by_then_answers(past: PastPredictor, parts: Any, publish: Any) -> None:
    end = datetime(2023, 7, 1, tzinfo=UTC)
    for version, trained_at in enumerate((end - timedelta(days=9), end, end + timedelta(seconds=1)), start=1):
        publish("AAPL", version=version, trained_at=trained_at)
    publish("AAPL", version=4, trained_at=end - timedelta(days=1), simulated=False, source="files")
    await parts.champions.look()

    model = (await past.answer("AAPL", 1, DAY)).answer.prediction.model

    assert (model.version, model.fitted_later) == (2, False)


async def test_a_model_that_was_trained_later_says_so(past: PastPredictor, parts: Any, publish: Any) -> None:
    publish("AAPL", version=7)
    await parts.champions.look()

    served = (await past.answer("aapl", 1, DAY)).answer

    assert (served.prediction.model.version, served.prediction.model.fitted_later) == (7, True)
    assert b'"fitted_later":true' in served.body


async def test_without_a_model_the_baseline_answers_which_is_never_fitted(past: PastPredictor) -> None:
    model = (await past.answer("AAPL", 1, DAY)).answer.prediction.model

    assert (model.type, model.fitted_later) == ("baseline", False)


async def test_it_is_neither_cached_nor_noted(past: PastPredictor, parts: Any) -> None:
    await past.answer("AAPL", 1, DAY)

    assert parts.predictor.in_memory("AAPL", 1) is None
    assert not parts.noted


async def test_more_of_the_distribution_is_told(past: PastPredictor) -> None:
    asked = Asked(quantiles=(0.5,))

    prediction = (await past.answer("AAPL", 1, DAY, asked)).answer.prediction.prediction

    assert prediction.quantiles is not None
    assert prediction.quantiles[0].price == pytest.approx(prediction.price_target)


@pytest.mark.parametrize(
    ("ticker", "day", "status", "reason"),
    [
        ("AAPL", datetime.now(UTC).date() + timedelta(days=2), 422, "lies ahead"),
        ("IBM", DAY, 404, "not served"),
        ("AAPL", date(2010, 1, 4), 404, "calendar starts"),
        ("AAPL", date(2018, 1, 1), 404, "the first is of"),
        ("AAPL", date(2018, 1, 2), 404, "one session"),
    ],
)
async def test_it_refuses_politely_where_there_is_nothing(
    past: PastPredictor, ticker: str, day: date, status: int, reason: str
) -> None:
    with pytest.raises(Problem, match=reason) as refused:
        await past.answer(ticker, 1, day)

    assert refused.value.status == status
