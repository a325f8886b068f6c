import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from features import WINDOW, Moves, features_and_level
from features.sequence import model_inputs, sequences
from forecasting.model_store import UnreadableModel
from serving.models.onnx_sessions import OnnxSessions, Output, Row
from serving.predictions.forecaster import Forecaster
from serving.telemetry.timing import stages


class Runner:
    """Forests, and the rows of each call to them."""

    def __init__(self) -> None:
        self._forests = OnnxSessions(64.0)
        self.calls: list[list[Row]] = []

    async def __call__(self, rows: Sequence[Row]) -> Sequence[Output]:
        self.calls.append(list(rows))
        await asyncio.sleep(0)
        return self._forests.predict(rows)


@pytest.fixture
def runner() -> Runner:
    return Runner()


async def test_a_forecast_is_that_of_the_card_for_the_inputs_of_its_own_bars(
    runner: Runner, publish: Any, make_bars: Any
) -> None:
    published, bars = publish("AAPL", 5, below=(0.2, 0.1, 0.3), above=(0.4, -0.1, 0.2)), make_bars("AAPL")

    found = await Forecaster(runner).forecast(published, bars)

    inputs, level = features_and_level(bars[-WINDOW:], 5, rows=1)
    (output,) = OnnxSessions(64.0).predict([Row(str(published.folder), inputs.tobytes())])
    outputs = np.frombuffer(output.values, dtype=np.float32).astype(np.float64)
    assert found == published.card.forecast(outputs[np.newaxis], inputs, float(level[0]))


async def test_questions_at_once_travel_together_each_with_its_own_inputs(
    runner: Runner, publish: Any, make_bars: Any
) -> None:
    keys = [("AAPL", 1, 400), ("AAPL", 1, 400), ("MSFT", 5, 400), ("TSLA", 1, 100)]
    questions = [(publish(ticker, horizon), make_bars(ticker, count=count)) for ticker, horizon, count in keys]
    forecaster = Forecaster(runner)

    together = await asyncio.gather(*(forecaster.forecast(*question) for question in questions))

    (call,) = runner.calls
    assert [row.inputs for row in call] == [
        features_and_level(bars[-WINDOW:], published.card.horizon, rows=1)[0].tobytes() for published, bars in questions
    ]
    assert list(together) == [await Forecaster(runner).forecast(*question) for question in questions]


async def test_a_broken_model_fails_its_own_question_alone(runner: Runner, publish: Any, make_bars: Any) -> None:
    good, bad = publish("AAPL"), publish("MSFT", below=(0.2, 0.0, 0.0), corrupt=True)
    forecaster = Forecaster(runner)

    found, problem = await asyncio.gather(
        forecaster.forecast(good, make_bars("AAPL")),
        forecaster.forecast(bad, make_bars("MSFT")),
        return_exceptions=True,
    )

    assert not isinstance(found, BaseException)
    assert isinstance(problem, UnreadableModel)


async def test_an_output_that_fits_no_card_is_a_problem_of_its_question(publish: Any, make_bars: Any) -> None:
    async def short(rows: Sequence[Row]) -> Sequence[Output]:
        return [Output(np.zeros(1, dtype=np.float32).tobytes(), "")] * len(rows)

    with pytest.raises(IndexError):
        await Forecaster(short).forecast(publish("AAPL"), make_bars("AAPL"))


async def test_each_request_knows_how_long_the_shared_steps_took(runner: Runner, publish: Any, make_bars: Any) -> None:
    forecaster = Forecaster(runner)
    published, bars = publish("AAPL"), make_bars("AAPL")

    async def request() -> dict[str, float]:
        seconds: dict[str, float] = {}
        stages.set(seconds)
        await forecaster.forecast(published, bars)
        return seconds

    first, second = await asyncio.gather(*(asyncio.create_task(request()) for _ in range(2)))

    assert first == second
    assert set(first) == {"features", "model"}
    assert min(first.values()) > 0


async def test_a_model_that_reads_a_sequence_is_given_it_after_its_inputs(
    runner: Runner, publish: Any, make_bars: Any
) -> None:
    plain, reading = publish("AAPL"), publish("MSFT", sessions=60)
    forecaster, bars = Forecaster(runner), make_bars("MSFT", count=400)

    await asyncio.gather(forecaster.forecast(plain, bars), forecaster.forecast(reading, bars), return_exceptions=True)

    inputs, level = features_and_level(bars, 1)
    whole = model_inputs(inputs, sequences(Moves(bars), level), 60)
    (call,) = runner.calls
    assert [row.inputs for row in call] == [inputs[-1].tobytes(), whole[-1].tobytes()]
    assert len(whole[-1]) == reading.card.width
