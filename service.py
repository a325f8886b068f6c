"""The two BentoML services, declared: the forests, and the API before them."""

# ruff: noqa: E402  # the environment is set before bentoml reads it
import configuration

configuration.anchor()

import os
import sys
from collections.abc import Sequence
from typing import Any

import bentoml
from bentoml.exceptions import InvalidArgument

import logs
from serving import time_limit, tracing
from serving.answers import Predictions, Tickers
from serving.forests import Forests, Output, Row
from serving.middleware import Envelope
from serving.problems import Problem
from serving.routes import make_app
from serving.shortcuts import Hits, Misses, Rows
from serving.stack import Stack, embedded_forests
from serving.start import explain_busy_port
from serving.trainer import can_train, start_trainer

try:
    settings = configuration.load()
except configuration.ConfigurationError as error:
    sys.exit(str(error))

explain_busy_port()

# Whose word on a client's address the server believes; its own default is anybody on this machine.
os.environ.setdefault("FORWARDED_ALLOW_IPS", ",".join(settings.security.trusted_proxies))

time_limit.install()

QUIET: dict[str, Any] = {
    "metrics": {"enabled": False},
    "tracing": {"excluded_urls": ".*"},
    "logging": {"access": {"enabled": False}},
}
# BentoML's own time-out only stands behind ours, which answer with a reason.
BEHIND_OURS = 2 * settings.serving.deadline
RUNNER_PROCESS = settings.serving.runner == "process"


@bentoml.service(
    name="forest_runner",
    traffic={"timeout": BEHIND_OURS},
    # The client's defaults close its connections every 100 requests, with calls in flight.
    runner_connection={"max_requests": 10**9, "max_age": 31536000.0},
    **QUIET,
)
class ForestRunner:
    """Holds every forest once, for all API workers."""

    def __init__(self) -> None:
        logs.configure(settings.serving.log_level)
        self._forests = Forests(settings.serving.forest_memory_mb)

    # Not batchable: the API gathers rows into few large calls, and BentoML's own batching would wait for more.
    @bentoml.api
    async def predict(self, rows: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """Answer each row of (folder of a published model, its inputs as float32 bytes)."""
        return [*self._forests.predict([Row(*row) for row in rows])]


def _stack() -> Stack:
    stack: Stack = bentoml.get_current_service().stack
    return stack


app = make_app(settings, _stack)


@bentoml.service(
    name="stock_prediction",
    workers=settings.serving.workers,
    traffic={"timeout": BEHIND_OURS},
    **QUIET,
)
@bentoml.asgi_app(app, path="/")
class StockPrediction:
    """Prices, features, caches and fallbacks around the forests."""

    if RUNNER_PROCESS:
        runner = bentoml.depends(ForestRunner)

    def __init__(self) -> None:
        logs.configure(settings.serving.log_level)
        tracing.configure(settings.tracing)
        self.stack = Stack.open(settings, self._ask_runner if RUNNER_PROCESS else embedded_forests(settings))

    async def _ask_runner(self, rows: Sequence[Row]) -> Sequence[Output]:
        answers: Sequence[Sequence[Any]] = await self.runner.to_async.predict(list(rows))
        return [Output(*answer) for answer in answers]

    @bentoml.on_deployment
    @staticmethod
    def train_in_the_background() -> None:
        """Once per deployment, where the training packages are installed."""
        if can_train():
            start_trainer()

    @bentoml.api(route="/predict")
    async def predict(self, tickers: Tickers, horizon: int = 1) -> Predictions:
        """Predictions for several tickers; one that fails spoils no other."""
        try:
            return await self.stack.predictor.predict_many(tickers, horizon)
        except Problem as problem:
            raise InvalidArgument(problem.detail) from None


# The first one is the outermost.
StockPrediction.add_asgi_middleware(Hits, settings=settings, predictor=lambda: _stack().predictor)
StockPrediction.add_asgi_middleware(Envelope, settings=settings)
StockPrediction.add_asgi_middleware(Misses, settings=settings, predictor=lambda: _stack().predictor)
StockPrediction.add_asgi_middleware(Rows, inference=lambda: _stack().inference)
