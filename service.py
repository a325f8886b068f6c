"""The two BentoML services, declared: the forests, and the API before them."""

# ruff: noqa: E402  # the environment is set before bentoml reads it
import configuration

configuration.anchor()

import sys
from collections.abc import Sequence
from typing import Any

import bentoml
from bentoml.exceptions import InvalidArgument

from serving.answers import Predictions, Tickers
from serving.forests import Forests, Output, Row
from serving.middleware import Envelope
from serving.problems import Problem
from serving.routes import make_app
from serving.stack import Stack, can_train, embedded_forests
from serving.trainer import start_trainer

try:
    settings = configuration.load()
except configuration.ConfigurationError as error:
    sys.exit(str(error))

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
        self._forests = Forests()

    # The latency is a deadline in BentoML, not a wait; the API gathers rows into few large calls.
    @bentoml.api(batchable=True, max_batch_size=4096, max_latency_ms=10_000)
    def predict(self, rows: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """Answer each row of (folder of a published model, its inputs as float32 bytes)."""
        return [*self._forests.predict([Row(*row) for row in rows])]


app = make_app(settings, lambda: bentoml.get_current_service().stack)


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
        self.stack = Stack.open(settings, self._ask_runner if RUNNER_PROCESS else embedded_forests())

    async def _ask_runner(self, rows: Sequence[Row]) -> Sequence[Output]:
        answers: Sequence[Output] = await self.runner.to_async.predict(list(rows))
        return answers

    @bentoml.on_deployment
    @staticmethod
    def train_in_the_background() -> None:
        """Once per deployment, where the training packages are installed."""
        if settings.training.on_start and can_train():
            start_trainer()

    @bentoml.api(route="/predict")
    async def predict(self, tickers: Tickers, horizon: int = 1) -> Predictions:
        """Predictions for several tickers; one that fails spoils no other."""
        try:
            return await self.stack.predictor.predict_many(tickers, horizon)
        except Problem as problem:
            raise InvalidArgument(problem.detail) from None


StockPrediction.add_asgi_middleware(Envelope)
