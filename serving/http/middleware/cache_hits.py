"""Answers from memory, before everything else that stands in a request's way."""

from collections.abc import Callable
from functools import cached_property
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving.container import Container
from serving.http.middleware.plain_requests import plain_horizon, plain_horizons
from serving.http.middleware.request_ids import REQUEST_ID, is_plain, new_request_id
from serving.http.prediction import BYPASS, CACHE_CONTROL, IF_NONE_MATCH, Headers
from serving.predictions.rendered import Rendered
from serving.telemetry import metrics
from serving.telemetry.batches import histogram

log = structlog.get_logger(__name__)

HIT_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "200")
UNCHANGED_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "304")
PREFIX_LENGTH = len(metrics.PREDICT_PREFIX)
FROM_MEMORY = (b"x-cache", b"memory")
# Headers of a request that change the answer from memory.
HEEDED = frozenset({CACHE_CONTROL, IF_NONE_MATCH, REQUEST_ID})
# Headers that say how long an answer took, by microseconds; all of these round to the same milliseconds.
AT_ONCE = (b"x-response-time", b"0.000")


def server_timing(microseconds: int) -> tuple[bytes, bytes]:
    """Return the header for an answer from memory."""
    milliseconds = microseconds / 1000
    return (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (milliseconds, milliseconds))


TIMINGS = tuple(server_timing(microseconds) for microseconds in range(500))


class CacheHits:
    """Answers plain requests for predictions that are in memory; everything else goes on to the application."""

    def __init__(self, app: ASGIApp, settings: Settings, container: Callable[[], Container]) -> None:
        self._app = app
        self._container = container
        self._horizons = plain_horizons(settings.horizons)
        self._debug = settings.serving.log_level == "debug"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        horizon = plain_horizon(scope, self._horizons) if scope["type"] == "http" else None
        if horizon is not None:
            started = perf_counter()
            fresh, known, request_id = _directives(scope["headers"])
            answer = None if fresh else self._find(scope["path"][PREFIX_LENGTH:], horizon)
            if answer is not None:
                is_known = answer.etag in known
                status, shared = (304, answer.unchanged_headers) if is_known else (200, answer.headers)
                headers = [*shared, FROM_MEMORY, *timing_headers(perf_counter() - started), (REQUEST_ID, request_id)]
                body = b"" if is_known or scope["method"] == "HEAD" else answer.body
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                (UNCHANGED_SECONDS if is_known else HIT_SECONDS).values.append(perf_counter() - started)
                if self._debug:
                    log.debug("cache.hit", path=scope["path"], layer="memory")
                return
        await self._app(scope, receive, send)

    @cached_property
    def _find(self) -> Callable[[str, int], Rendered | None]:
        """Looked up once: the parts of a running service stay the same."""
        return self._container().predictor.hit


def timing_headers(seconds: float) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Return the headers that say how long an answer from memory took."""
    microseconds = int(1e6 * seconds + 0.5)
    if microseconds < len(TIMINGS):
        return AT_ONCE, TIMINGS[microseconds]
    return (b"x-response-time", b"%.3f" % seconds), server_timing(microseconds)


def _directives(headers: Headers) -> tuple[bool, bytes, bytes]:
    """Return what `cache_directives` does, and the id of the request."""
    fresh, known, request_id = False, b"", b""
    for name, value in headers:
        if name not in HEEDED:
            continue
        if name == CACHE_CONTROL:
            fresh = fresh or BYPASS in value.lower()
        elif name == IF_NONE_MATCH:
            known = value
        elif is_plain(value):
            request_id = value
    return fresh, known, request_id or new_request_id()
