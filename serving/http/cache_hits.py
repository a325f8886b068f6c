"""Answers from memory, before everything else that stands in a request's way."""

from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving.container import Container
from serving.http.envelope import REQUEST_ID, request_id_of
from serving.http.plain_requests import plain_horizon, plain_horizons
from serving.http.prediction import bypasses_cache
from serving.predictions.rendered import Rendered
from serving.telemetry import metrics

log = structlog.get_logger(__name__)

HIT_SECONDS = metrics.REQUESTS.labels("GET", metrics.PREDICT, "200")


class CacheHits:
    """Answers plain requests for predictions that are in memory; everything else goes on to the application."""

    def __init__(self, app: ASGIApp, settings: Settings, container: Callable[[], Container]) -> None:
        self._app = app
        self._container = container
        self._horizons = plain_horizons(settings.horizons)
        self._debug = settings.serving.log_level == "debug"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = perf_counter()
        answer = self._find(scope) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _headers(scope, answer, started)})
        await send({"type": "http.response.body", "body": answer.body})
        HIT_SECONDS.observe(perf_counter() - started)
        if self._debug:
            log.debug("cache.hit", path=scope["path"], layer="memory")

    def _find(self, scope: Scope) -> Rendered | None:
        horizon = plain_horizon(scope, self._horizons)
        if horizon is None or bypasses_cache(scope["headers"]):
            return None
        return self._container().predictor.hit(scope["path"][len(metrics.PREDICT_PREFIX) :], horizon)


def _headers(scope: Scope, answer: Rendered, started: float) -> list[tuple[bytes, bytes]]:
    milliseconds = 1000 * (perf_counter() - started)
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-cache", b"memory"),
        (b"x-response-time", b"%.3f" % (milliseconds / 1000)),
        (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (milliseconds, milliseconds)),
        (REQUEST_ID, request_id_of(scope).encode()),
    ]
