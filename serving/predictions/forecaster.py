"""From bars and their models to forecasts, many at once: inputs side by side, and one call to the forests."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from concurrency.micro_batcher import MicroBatcher
from features import NAMES, WINDOW, latest
from features.matrix import FeatureMatrix
from forecasting.distribution import Forecast
from forecasting.model_store import PublishedModel, UnreadableModel
from market.bars import Bars, FloatArray
from serving.models.onnx_sessions import Output, Row
from serving.telemetry.timing import Step, record

Call = Callable[[Sequence[Row]], Awaitable[Sequence[Output]]]


class Question(NamedTuple):
    """What a published model says about the last WINDOW bars."""

    published: PublishedModel
    bars: Bars


class Answer(NamedTuple):
    """A forecast, and the steps of the call that it came with."""

    forecast: Forecast
    steps: tuple[Step, ...]


class Forecaster:
    """Has models answer. Each question has its own inputs and its own row; what they share is the call."""

    def __init__(self, call: Call, observe: Callable[[int, float], None] | None = None) -> None:
        """Reach the forests by `call`; `observe` is as in Gathering."""
        self._call = call
        self._questions = MicroBatcher[Question, Answer](self._answer, observe)

    async def forecast(self, published: PublishedModel, bars: Bars) -> Forecast:
        """The forecast of a model for bars that it fits.

        Raises:
            UnreadableModel: it cannot answer.
        """
        answer = await self._questions.ask(Question(published, bars[-WINDOW:]))
        for step in answer.steps:
            record(step)
        return answer.forecast

    async def _answer(self, questions: Sequence[Question]) -> Sequence[Answer | Exception]:
        began = perf_counter()
        inputs, levels = _features(questions)
        rows = [
            Row(str(question.published.folder), row.tobytes()) for question, row in zip(questions, inputs, strict=True)
        ]
        computed = perf_counter()
        outputs = await self._call(rows)
        steps = (Step("features", began, computed), Step("model", computed, perf_counter()))
        found = zip(questions, inputs, levels, outputs, strict=True)
        return [_read(question, row, float(level), output, steps) for question, row, level, output in found]


def _features(questions: Sequence[Question]) -> tuple[FeatureMatrix, FloatArray]:
    inputs, levels = np.empty((len(questions), len(NAMES)), dtype=np.float32), np.empty(len(questions))
    by_horizon: dict[int, list[int]] = {}
    for index, question in enumerate(questions):
        by_horizon.setdefault(question.published.card.horizon, []).append(index)
    for horizon, indices in by_horizon.items():
        inputs[indices], levels[indices] = latest([questions[index].bars for index in indices], horizon)
    return inputs, levels


def _read(
    question: Question, inputs: FeatureMatrix, level: float, output: Output, steps: tuple[Step, ...]
) -> Answer | Exception:
    """The answer to one question; a problem is its own."""
    if output.problem:
        return UnreadableModel(output.problem)
    try:
        outputs = np.frombuffer(output.values, dtype=np.float32).astype(np.float64)
        return Answer(question.published.card.forecast(outputs[np.newaxis], inputs[np.newaxis], level), steps)
    except Exception as error:  # noqa: BLE001  # it is handed to who asked
        return error
