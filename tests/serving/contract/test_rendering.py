"""Rendered bodies are those that pydantic would make, byte for byte."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.predictions import (
    DataReference,
    Interval,
    ModelReference,
    Prediction,
    Predictions,
    PricePrediction,
    PriceProbability,
    PriceQuantile,
    ReportReference,
    TickerProblem,
)
from serving.contract.rendering import to_json

numbers = st.floats(-1e15, 1e15)
days = st.dates()
zones = st.sampled_from([UTC, timezone(timedelta(hours=-5))])
first, last = datetime(1990, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  # the zone is drawn too
moments = st.datetimes(first, last, timezones=zones)
intervals = st.builds(Interval, level=numbers, lower=numbers, upper=numbers)
quantiles = st.builds(PriceQuantile, probability=numbers, price=numbers)
price_predictions = st.builds(
    PricePrediction,
    price_target=numbers,
    change_percent=numbers,
    direction=st.sampled_from(["bullish", "bearish"]),
    confidence=numbers,
    interval=intervals,
    horizon=st.integers(1, 30),
    made_on=days,
    target_on=days,
    quantiles=st.none() | st.lists(quantiles, max_size=3),
    above=st.none() | st.builds(PriceProbability, price=numbers, probability=numbers),
)
models = st.builds(
    ModelReference,
    type=st.text(),
    version=st.none() | st.integers(0, 10**9),
    run_id=st.none() | st.text(),
    trained_at=st.none() | moments,
    extrapolating=st.booleans(),
)
reports = st.builds(
    ReportReference, expected_on=days, confirmed=st.booleans(), source=st.text(), in_horizon=st.floats(0, 1)
)
data = st.builds(
    DataReference,
    source=st.text(),
    history_source=st.text(),
    as_of=moments,
    provisional=st.booleans(),
    stale=st.booleans(),
    report=st.none() | reports,
)
predictions = st.builds(
    Prediction,
    ticker=st.text(),
    current_price=numbers,
    prediction=price_predictions,
    model=models,
    data=data,
    timestamp=moments,
)


@given(predictions)
def test_a_prediction_is_rendered_as_pydantic_does(prediction: Prediction) -> None:
    assert to_json(prediction) == prediction.model_dump_json().encode()


@given(predictions, data)
def test_so_is_one_that_was_changed(prediction: Prediction, changed: DataReference) -> None:
    copy = prediction.model_copy(update={"data": changed})

    assert to_json(copy) == copy.model_dump_json().encode()


@given(predictions)
def test_so_are_several_with_problems(prediction: Prediction) -> None:
    problem = TickerProblem(ticker="XXXX", status=404, title="Not Found", detail='no "XXXX" here')
    body = Predictions(predictions=[prediction, prediction], problems=[problem])

    assert to_json(body) == body.model_dump_json().encode()


def test_nothing_but_bodies_is_rendered() -> None:
    body = Interval.model_construct(level=date(2024, 1, 2), lower=object(), upper=1.0)

    with pytest.raises(NotImplementedError, match="object is no body"):
        to_json(body)
