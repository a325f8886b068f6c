"""Answers from memory, before everything else that stands in a request's way."""

from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving.container import Container
from serving.http.plain_requests import plain_horizon, plain_horizons
from serving.http.prediction import cache_directives
from serving.http.request_ids import REQUEST_ID, request_id_of
from serving.predictions.rendered import Rendered
from serving.telemetry import metrics
from serving.telemetry.batches import histogram

log = structlog.get_logger(__name__)

HIT_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "200")
UNCHANGED_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "304")
PREFIX_LENGTH = len(metrics.PREDICT_PREFIX)
FROM_MEMORY = (b"x-cache", b"memory")


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
        horizon = plain_horizon(scope, self._horizons) if scope["type"] == "http" else None
        if horizon is not None:
            fresh, known = cache_directives(scope["headers"])
            answer = None if fresh else self._container().predictor.hit(scope["path"][PREFIX_LENGTH:], horizon)
            if answer is not None:
                await self._send(scope, send, answer, known, started)
                return
        await self._app(scope, receive, send)

    async def _send(self, scope: Scope, send: Send, answer: Rendered, known: bytes, started: float) -> None:
        milliseconds = 1000 * (perf_counter() - started)
        unchanged = answer.etag in known
        headers = [
            *(answer.unchanged_headers if unchanged else answer.headers),
            FROM_MEMORY,
            (b"x-response-time", b"%.3f" % (milliseconds / 1000)),
            (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (milliseconds, milliseconds)),
            (REQUEST_ID, request_id_of(scope)),
        ]
        await send({"type": "http.response.start", "status": 304 if unchanged else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if unchanged else answer.body})
        (UNCHANGED_SECONDS if unchanged else HIT_SECONDS).values.append(perf_counter() - started)
        if self._debug:
            log.debug("cache.hit", path=scope["path"], layer="memory")
