"""The Open Inference Protocol, version 2, so that clients of Triton and MLServer reach the forests directly.

A model is named by its ticker (at the first horizon), or in full as `forest-AAPL-5`. Its input `X` has one row for each
question; its output `variable` has the expected return and the log of the width, both in the units of the model card.

Source: https://github.com/kserve/open-inference-protocol, rest/inference_rest.yaml.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from pydantic_core import from_json, to_json

from configuration import Settings
from features import NAMES
from features.matrix import FeatureMatrix
from forecasting.card import model_name
from forecasting.formula import OUTPUTS
from forecasting.model_store import PublishedModel
from serving.contract.problems import not_found, unavailable, unprocessable
from serving.models.champions import Champions
from serving.models.forest_client import ForestsUnavailable
from serving.models.onnx_sessions import Output, Row

INPUT, OUTPUT = "X", "variable"
OUTPUT_NAMES = ("expected_return", "log_width_by_forest", "log_width_by_ridge")
FLOATS = frozenset({"FP32", "FP64"})
MOST_ROWS = 10_000
PLATFORM = "onnxruntime_onnx"
SERVER = {"name": "stock-prediction", "version": "0.1.0", "extensions": ["model_repository"]}

Json = dict[str, Any]


class Inference:
    """Answers from the models alone, without prices, features and cards."""

    def __init__(self, settings: Settings, champions: Champions, ask: Callable[[Row], Awaitable[Output]]) -> None:
        self._keys = {ticker.lower(): (ticker, settings.horizons[0]) for ticker in settings.tickers} | {
            model_name(ticker, horizon).lower(): (ticker, horizon)
            for ticker in settings.tickers
            for horizon in settings.horizons
        }
        self._champions = champions
        self._ask = ask

    def ready(self, name: str, version: str | None = None) -> PublishedModel:
        """Return the model of that name.

        Raises:
            Problem: 404 when there is none of that name or version, 503 when it is not published yet.
        """
        key = self._keys.get(name.lower())
        if key is None:
            raise not_found(f"there is no model {name[:40]!r}; POST /v2/repository/index lists them")
        published = self._champions.get(*key)
        if published is None:
            status = f"/model/status/{key[0]}?horizon={key[1]}"
            reason = self._champions.refusal(*key) or f"no model serves; GET {status} says why"
            raise unavailable(f"{name}: {reason}", retry_after=30)
        if version is not None and version != str(published.card.version):
            raise not_found(f"{name}: version {published.card.version} serves, and no other")
        return published

    def metadata(self, name: str, version: str | None = None) -> Json:
        """Describe the inputs and outputs of a model.

        Raises:
            Problem: as `ready`.
        """
        published = self.ready(name, version)
        return {
            "name": name,
            "versions": [str(published.card.version)],
            "platform": PLATFORM,
            "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, published.card.width]}],
            "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, OUTPUTS]}],
            "parameters": {"inputs": list(NAMES), "outputs": list(OUTPUT_NAMES)},
        }

    def index(self, body: bytes = b"") -> list[Json]:
        """List every model, or only those that are ready when the request's body asks for them.

        Raises:
            Problem: 422 for a body that is no request.
        """
        try:
            only_ready = bool(body) and from_json(body).get("ready") is True
        except (ValueError, AttributeError):
            raise unprocessable('the body must be a JSON object, such as {"ready": true}') from None
        found = []
        for name, key in self._keys.items():
            published = self._champions.get(*key)
            if name == model_name(*key).lower():
                if only_ready and published is None:
                    continue
                version = str(published.card.version) if published else ""
                found.append({"name": name, "version": version, "state": "READY" if published else "UNAVAILABLE"})
        return found

    async def infer(self, name: str, body: bytes, version: str | None = None) -> bytes:
        """Answer each row of a request.

        Raises:
            Problem: as `ready`, and 422 for a request that is none.
        """
        if key := self._keys.get(name.lower()):
            await self._champions.find(*key)
        published = self.ready(name, version)
        try:
            request = from_json(body)
        except ValueError as error:
            raise unprocessable(f"the body is not JSON: {error}") from None
        inputs = read_inputs(request, published.card.width)
        folder = str(published.folder)
        try:
            outputs = await self._outputs([Row(folder, row.tobytes()) for row in inputs])
        except ForestsUnavailable:
            raise unavailable(f"{name}: the forests do not answer", retry_after=1) from None
        if problems := [output.problem for output in outputs if output.problem]:
            self._champions.withdraw(published, problems[0])
            raise unavailable(problems[0], retry_after=1)
        data = np.frombuffer(b"".join(output.values for output in outputs), dtype=np.float32).tolist()
        answer = {
            "model_name": name,
            "model_version": str(published.card.version),
            "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [len(outputs), OUTPUTS], "data": data}],
        }
        return to_json(answer | ({"id": request["id"]} if isinstance(request.get("id"), str) else {}))

    async def _outputs(self, rows: Sequence[Row]) -> Sequence[Output]:
        if len(rows) == 1:
            return [await self._ask(rows[0])]
        return await asyncio.gather(*map(self._ask, rows))


def read_inputs(request: Any, width: int = len(NAMES)) -> FeatureMatrix:
    """Return the one input tensor of a request, shape (rows, width).

    Raises:
        Problem: 422, saying what is wrong with it.
    """
    tensors = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(tensors, list) or len(tensors) != 1 or not isinstance(tensors[0], dict):
        raise unprocessable(f"`inputs` must be a list of one tensor, {INPUT}")
    tensor = tensors[0]
    if tensor.get("datatype") not in FLOATS:
        raise unprocessable(f"{INPUT}: datatype must be FP32 or FP64")
    try:
        data = np.array(tensor.get("data"), dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        raise unprocessable(f"{INPUT}: data must be numbers") from None
    rows = data.size // width
    if not 1 <= rows <= MOST_ROWS or tensor.get("shape") != [rows, width] or data.size != rows * width:
        raise unprocessable(f"{INPUT}: shape must be [rows, {width}] with 1 to {MOST_ROWS} rows, and fit its data")
    if not np.isfinite(data).all():
        raise unprocessable(f"{INPUT}: every number must be finite")
    return data.reshape(rows, width)
