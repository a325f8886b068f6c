"""The two BentoML services, declared: the forests, and the API before them.

Each process that reads this file needs other parts: the supervisor the declarations alone, the forests' process nothing
of the API. So parts are imported where they are made, and the service is ready in half the time.
"""

# ruff: noqa: E402  # the environment is set before bentoml reads it
import configuration

configuration.anchor()

from compat import structlog_alone

structlog_alone.import_structlog()

import functools
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml

import logs
from compat import bentoml_entrance, bentoml_proxy, bentoml_supervisor
from concurrency.parent_death import end_with_parent
from serving.contract.predictions import Predictions, PredictionsRequest, Tickers
from serving.runtime_folder import metrics_folder, runtime_folder
from serving.startup import explain_busy_port, refuse_impossible_port
from serving.telemetry.ended_workers import EndedWorkers
from serving.training_requests.trainer_process import can_train, keep_trainer_running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.types import ASGIApp

    from serving.container import Container
    from serving.models.forest_client import Call
    from serving.models.onnx_sessions import Output

try:
    settings = configuration.load()
except configuration.ConfigurationError as error:
    sys.exit(str(error))

refuse_impossible_port()
explain_busy_port()

bentoml_supervisor.keep_metrics_in(metrics_folder)
bentoml_proxy.load_when_called()

# The proxies whose word on a client's address the server believes, whatever the environment says; by default none.
os.environ["FORWARDED_ALLOW_IPS"] = ",".join(settings.security.trusted_proxies)

QUIET: dict[str, Any] = {
    "metrics": {"enabled": False},
    "tracing": {"excluded_urls": ".*"},
    "logging": {"access": {"enabled": False}},
}
# BentoML's own time-out stands behind ours, which answer with a reason.
BEHIND_OURS = 3 * settings.serving.deadline
FORESTS = "forest_runner"
LARGEST_BATCH, BATCH_MILLISECONDS = 4096, 10_000
RUNNER_PROCESS = settings.serving.runner == "process"
# Only the calls of several API workers can be merged; rows of a single one take the short way.
MERGED_BY_BENTOML = settings.serving.adaptive_batching and settings.serving.workers > 1

# What the supervisor imports for its workers.
SHARED = (
    "serving.http.application",
    "serving.http.middleware.entrance",
    "serving.http.middleware.refusal",
    "serving.models.forest_calls",
    "serving.models.forest_socket",
    "serving.models.onnx_sessions",
    "serving.wiring",
    "compat.uvicorn_limits",
    *(["aiohttp"] if RUNNER_PROCESS and MERGED_BY_BENTOML else []),  # BentoML's client, called by several API workers
)


@bentoml.service(
    name=FORESTS,
    traffic={"timeout": BEHIND_OURS},
    # The client's defaults close its connections every 100 requests, with calls in flight.
    runner_connection={"max_requests": 10**9, "max_age": 31536000.0},
    **QUIET,
)
class ForestRunner:
    """Holds every forest once, for all API workers."""

    def __init__(self) -> None:
        import logs
        from compat.bentoml_batching import merge_without_waiting
        from serving.models.onnx_sessions import OnnxSessions
        from serving.telemetry.metrics import MERGED_ROWS

        end_with_parent()
        merge_without_waiting()
        logs.configure(settings.serving.log_level)
        self._observe = MERGED_ROWS.observe
        self._forests = OnnxSessions(settings.serving.forest_memory_mb)

    # Each API worker gathers the rows of its requests into one call; BentoML merges the calls of several workers. Its
    # latency is no wait but a limit, beyond which it refuses calls: `serving.forest_timeout` is the limit that counts.
    @bentoml.api(
        batchable=settings.serving.adaptive_batching, max_batch_size=LARGEST_BATCH, max_latency_ms=BATCH_MILLISECONDS
    )
    async def predict(self, rows: list[tuple[str, bytes]]) -> list[tuple[bytes, str]]:
        """Answer each row of (folder of a published model, its inputs as float32 bytes)."""
        return [*self._answer(rows)]

    @bentoml.on_startup
    async def listen(self) -> None:
        """Take rows by the short way too, past BentoML's client and server."""
        from serving.models import forest_socket

        if path := forest_socket.socket_of(FORESTS):
            self._listening = await forest_socket.listen(path, self._answer)

    def _answer(self, rows: "Sequence[tuple[str, bytes]]") -> "list[Output]":
        self._observe(len(rows))
        return self._forests.predict(rows)


@bentoml.service(
    name="stock_prediction",
    workers=settings.serving.workers,
    traffic={"timeout": BEHIND_OURS},
    # `/readyz` would wait five seconds for forests that are frozen, and be a 500; the service answers without them.
    runner_probe={"enabled": False},
    **QUIET,
)
class StockPrediction:
    """Prices, features, caches and fallbacks around the forests."""

    if RUNNER_PROCESS:
        runner = bentoml.depends(ForestRunner)

    def __init__(self) -> None:
        import logs
        from serving.telemetry import tracing
        from serving.wiring import open_container

        end_with_parent()
        logs.configure(settings.serving.log_level)
        tracing.configure(settings.tracing)
        self.container = open_container(settings, self._forests())
        self._background = AsyncExitStack()

    def _forests(self) -> "Call":
        from serving.models.forest_calls import embedded_forests, remote_forests
        from serving.models.forest_socket import RemoteForests, socket_of

        if not RUNNER_PROCESS:
            return embedded_forests(settings)
        path = socket_of(FORESTS)
        if path and not MERGED_BY_BENTOML:
            return RemoteForests(path)
        # The client learns what the runner offers when it first calls it, so its method is looked up at each call.
        return remote_forests(lambda rows: self.runner.to_async.predict(rows))  # noqa: PLW0108

    def __is_ready__(self) -> bool:
        """Whether the models were looked for; the baseline answers while the forests do not."""
        return self.container.champions.has_looked

    @bentoml.on_startup
    async def start(self) -> None:
        """Warm up, follow the model store, count."""
        await self._background.enter_async_context(self.container.running())

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End what was started."""
        await self._background.aclose()

    @bentoml.on_deployment
    @staticmethod
    def close_control_ports() -> None:
        """Once per deployment, before the supervisor starts, which logs as its workers do."""
        logs.configure(settings.serving.log_level)
        folder = Path(metrics_folder())
        bentoml_supervisor.close_control_ports(runtime_folder(), folder, SHARED, EndedWorkers(folder).note)

    @bentoml.on_deployment
    @staticmethod
    def train_in_the_background() -> None:
        """Once per deployment, where the training packages are installed."""
        if can_train():
            keep_trainer_running(settings.home)

    @bentoml.api(route="/predict", input_spec=PredictionsRequest, output_spec=Predictions)
    async def predict(self, tickers: Tickers, horizon: int = 1) -> "Response":
        """Predictions for several tickers; one that fails spoils no other."""
        from serving.http.prediction import predict_many

        return await predict_many(self.container.predictor, tickers, horizon)


@functools.cache
def _container() -> "Container":
    container: Container = bentoml.get_current_service().container
    return container


def _entrance(app: "ASGIApp") -> "ASGIApp":
    from compat import uvicorn_limits
    from serving.http.middleware.cache_hits import CacheHits
    from serving.http.middleware.entrance import make_entrance
    from serving.http.middleware.refusal import refusal

    serving = settings.serving
    limits = uvicorn_limits.Limits(serving.max_header_bytes, serving.max_body_bytes, serving.receive_timeout)
    uvicorn_limits.install(limits, refusal, CacheHits(settings, _container))
    return make_entrance(app, settings, _container)


bentoml_entrance.stand_before(StockPrediction, _entrance)
