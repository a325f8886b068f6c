"""From bars and their models to forecasts, many at once: inputs side by side, and one call to the forests."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple

import numpy as np

from concurrency.micro_batcher import MicroBatcher
from features import NAMES, WINDOW, latest
from features.matrix import FeatureMatrix
from features.sequence import latest_model_inputs
from forecasting.distribution import Forecast
from forecasting.formula import OUTPUTS
from forecasting.many_forecasts import Question, forecast_all
from forecasting.model_store import PublishedModel, UnreadableModel
from forecasting.reports.schedule import FilingChances
from market.bars import Bars, FloatArray
from serving.models.forest_client import Call
from serving.models.onnx_sessions import Output, Row
from serving.telemetry.timing import TimedStage, record_stage

OUTPUT_BYTES = OUTPUTS * np.dtype(np.float32).itemsize


class ForecastRequest(NamedTuple):
    """A published model, the last WINDOW bars, and what is known of coming reports."""

    published: PublishedModel
    bars: Bars
    reports: FilingChances | None


class TimedForecast(NamedTuple):
    """A forecast, and the stages of the call that it came with."""

    forecast: Forecast
    stages: tuple[TimedStage, ...]


class Forecaster:
    """Has models answer. Each request has its own inputs and its own row; what they share is the call."""

    def __init__(self, call: Call, observe: Callable[[int, float], None] | None = None) -> None:
        """Reach the forests by `call`; `observe` is as in MicroBatcher."""
        self._call = call
        self._requests = MicroBatcher[ForecastRequest, TimedForecast](self._forecast_all, observe)

    async def forecast(self, published: PublishedModel, bars: Bars, reports: FilingChances | None = None) -> Forecast:
        """The forecast of a model for bars that it fits.

        Raises:
            UnreadableModel: it cannot answer.
        """
        timed = await self._requests.ask(
            ForecastRequest(published, bars if len(bars) <= WINDOW else bars[-WINDOW:], reports)
        )
        for one in timed.stages:
            record_stage(one)
        return timed.forecast

    async def _forecast_all(self, requests: Sequence[ForecastRequest]) -> Sequence[TimedForecast | Exception]:
        began = perf_counter()
        inputs, levels = _features(requests)
        rows = [_row(request, row, float(level)) for request, row, level in zip(requests, inputs, levels, strict=True)]
        computed = perf_counter()
        outputs = await self._call(rows)
        stages = (TimedStage("features", began, computed), TimedStage("model", computed, perf_counter()))
        return [
            found if isinstance(found, Exception) else TimedForecast(found, stages)
            for found in _read_all(requests, inputs, levels, outputs)
        ]


def _features(requests: Sequence[ForecastRequest]) -> tuple[FeatureMatrix, FloatArray]:
    inputs, levels = np.empty((len(requests), len(NAMES)), dtype=np.float32), np.empty(len(requests))
    by_horizon: dict[int, list[int]] = {}
    for index, request in enumerate(requests):
        by_horizon.setdefault(request.published.card.horizon, []).append(index)
    for horizon, indices in by_horizon.items():
        inputs[indices], levels[indices] = latest([requests[index].bars for index in indices], horizon)
    return inputs, levels


def _row(request: ForecastRequest, inputs: FeatureMatrix, level: float) -> Row:
    given = latest_model_inputs(request.bars, inputs, level, request.published.card.sessions)
    return Row(str(request.published.folder), given.tobytes())


def _read_all(
    requests: Sequence[ForecastRequest], inputs: FeatureMatrix, levels: FloatArray, outputs: Sequence[Output]
) -> Sequence[Forecast | Exception]:
    """The answer to each request: all together, or one by one where something is wrong with one of them."""
    if all(len(output.values) == OUTPUT_BYTES for output in outputs):
        table = np.frombuffer(b"".join([output.values for output in outputs]), dtype=np.float32)
        questions = [Question(request.published.card.constants, request.reports) for request in requests]
        with suppress(Exception):
            if np.isfinite(table).all():
                return forecast_all(questions, table.reshape(-1, OUTPUTS).astype(np.float64), inputs, levels)
    found = zip(requests, inputs, levels, outputs, strict=True)
    return [_read(request, row, float(level), output) for request, row, level, output in found]


def _read(request: ForecastRequest, inputs: FeatureMatrix, level: float, output: Output) -> Forecast | Exception:
    if output.problem:
        return UnreadableModel(output.problem)
    try:
        outputs = np.frombuffer(output.values, dtype=np.float32).astype(np.float64)
        if not np.isfinite(outputs).all():
            return UnreadableModel(f"{request.published.folder}: its outputs are no finite numbers; train it again")
        return request.published.card.forecast(outputs[np.newaxis], inputs[np.newaxis], level, request.reports)
    except Exception as error:  # noqa: BLE001  # it is handed to who asked
        return error
