"""The two BentoML services, declared: the forests, and the API before them.

Each process that reads this file needs other parts: the supervisor the declarations alone, the forests' process nothing
of the API. So parts are imported where they are made, and the service is ready in half the time.
"""

# ruff: noqa: E402  # the environment is set before bentoml reads it
import configuration

configuration.anchor()

import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import bentoml
from bentoml.exceptions import InvalidArgument

from compat import bentoml_supervisor, bentoml_timeout
from concurrency.parent_death import end_with_parent
from serving.contract.problems import Problem, too_late
from serving.contract.schemas import Predictions, Tickers
from serving.runtime_folder import metrics_folder, runtime_folder
from serving.startup import explain_busy_port
from serving.training_requests.trainer_process import can_train, start_trainer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from serving.container import Container

try:
    settings = configuration.load()
except configuration.ConfigurationError as error:
    sys.exit(str(error))

explain_busy_port()

# Whose word on a client's address the server believes; its own default is anybody on this machine.
os.environ.setdefault("FORWARDED_ALLOW_IPS", ",".join(settings.security.trusted_proxies))

bentoml_timeout.install(too_late)
bentoml_supervisor.keep_metrics_in(metrics_folder)

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
        import logs
        from serving.models.onnx_sessions import OnnxSessions

        end_with_parent()
        logs.configure(settings.serving.log_level)
        self._forests = OnnxSessions(settings.serving.forest_memory_mb)

    # Not batchable: the API gathers rows into few large calls, and BentoML's own batching would wait for more.
    @bentoml.api
    async def predict(self, rows: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """Answer each row of (folder of a published model, its inputs as float32 bytes)."""
        return [*self._forests.predict(rows)]


@bentoml.service(
    name="stock_prediction",
    workers=settings.serving.workers,
    traffic={"timeout": BEHIND_OURS},
    **QUIET,
)
class StockPrediction:
    """Prices, features, caches and fallbacks around the forests."""

    if RUNNER_PROCESS:
        runner = bentoml.depends(ForestRunner)

    def __init__(self) -> None:
        import logs
        from serving.container import Container, embedded_forests, forests_behind
        from serving.telemetry import tracing

        end_with_parent()
        logs.configure(settings.serving.log_level)
        tracing.configure(settings.tracing)
        self.stack = Container.open(
            settings, forests_behind(self._ask) if RUNNER_PROCESS else embedded_forests(settings)
        )
        self._background = AsyncExitStack()

    async def _ask(self, rows: list[Any]) -> list[tuple[bytes, str]]:
        answers: list[tuple[bytes, str]] = await self.runner.to_async.predict(rows)
        return answers

    @bentoml.on_startup
    async def start(self) -> None:
        """Warm up, follow the model store, count."""
        await self._background.enter_async_context(self.stack.running())

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End what was started."""
        await self._background.aclose()

    @bentoml.on_deployment
    @staticmethod
    def close_control_ports() -> None:
        """Once per deployment, before the supervisor starts."""
        bentoml_supervisor.close_control_ports(runtime_folder())

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


def _stack() -> "Container":
    stack: Container = bentoml.get_current_service().stack
    return stack


def _entrance(app: "ASGIApp") -> "ASGIApp":
    from serving.http.asgi import make_asgi

    return make_asgi(app, settings, _stack)


StockPrediction.add_asgi_middleware(_entrance)
