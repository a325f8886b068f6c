"""From a request to what answers it."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving.container import Container
from serving.http.middleware.native import NATIVE_PATHS, check_native
from serving.http.middleware.plain_requests import (
    INFER_ROUTE,
    plain_horizon,
    plain_horizons,
    plain_inference,
    read_body,
)
from serving.http.middleware.time_limit import TimeLimit
from serving.http.prediction import predict
from serving.http.responses import json_response
from serving.telemetry import metrics

STATIC = "/static_content/"


class Dispatcher:
    """Calls the endpoint of a plain request itself; gives BentoML its own paths, and the application all others.

    The application is made in a thread once the service has started. Plain requests need none of it, so the service is
    ready before it is.
    """

    def __init__(
        self, native: ASGIApp, make: Callable[[], ASGIApp], settings: Settings, container: Callable[[], Container]
    ) -> None:
        """Dispatch between `native`, BentoML's application, and what `make` makes; `container` as in the entrance."""
        seconds = 2 * settings.serving.deadline  # parts have deadlines of their own, which answer with a reason
        self._lifespan = native
        self._native = TimeLimit(native, seconds)
        self._other = TimeLimit(self._answer_other, seconds)
        self._make = make
        self._container = container
        self._horizons = plain_horizons(settings.horizons)
        self._made: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is none.

        Raises:
            Problem: for what cannot be answered.
        """
        if scope["type"] != "http":
            await self._lifespan(scope, receive, self._watched(send))
        elif response := await self._answer_plain(scope, receive):
            await response(scope, receive, send)
        elif scope["path"] in NATIVE_PATHS or scope["path"].startswith(STATIC):
            check_native(scope)
            await self._native(scope, receive, send)
        else:
            await self._other(scope, receive, send)

    async def _answer_plain(self, scope: Scope, receive: Receive) -> Response | None:
        horizon = plain_horizon(scope, self._horizons)
        if horizon is not None:
            scope["route"] = metrics.PREDICT
            ticker = scope["path"][len(metrics.PREDICT_PREFIX) :]
            return await predict(self._container().predictor, ticker, horizon, scope["headers"])
        model = plain_inference(scope)
        if model is None:
            return None
        scope["route"] = INFER_ROUTE
        return json_response(await self._container().inference.infer(model, await read_body(receive)))

    async def _answer_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        application = await asyncio.shield(self._application())
        await application(scope, receive, send)

    def _watched(self, send: Send) -> Send:
        async def watched(message: dict[str, object]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._application()

        return watched  # type: ignore[return-value]  # a message is a mutable mapping

    def _application(self) -> "asyncio.Task[ASGIApp]":
        if self._made is None or (self._made.done() and self._made.exception()):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return self._made
