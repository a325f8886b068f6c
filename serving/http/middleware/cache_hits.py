"""Answers from memory, before everything else that stands in a request's way."""

from collections.abc import Callable
from functools import cached_property
from time import perf_counter

import structlog
from starlette.types import Scope

from configuration import Settings
from serving.container import Container
from serving.http.middleware.plain_requests import plain_horizon, plain_horizons
from serving.http.middleware.request_ids import REQUEST_ID, is_plain, new_request_id
from serving.http.prediction import BYPASS, CACHE_CONTROL, IF_NONE_MATCH, Headers
from serving.predictions.rendered import Rendered, lines
from serving.telemetry import metrics
from serving.telemetry.batches import histogram

log = structlog.get_logger(__name__)

HIT_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "200")
UNCHANGED_SECONDS = histogram(metrics.REQUESTS, "GET", metrics.PREDICT, "304")
PREFIX_LENGTH = len(metrics.PREDICT_PREFIX)
# Headers of a request that change the answer from memory.
HEEDED = frozenset({CACHE_CONTROL, IF_NONE_MATCH, REQUEST_ID})


def timing(microseconds: int) -> bytes:
    """Return the headers that say that an answer came from memory, and how long that took."""
    milliseconds = microseconds / 1000
    return lines(
        [
            (b"x-cache", b"memory"),
            (b"x-response-time", b"%.3f" % (milliseconds / 1000)),
            (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (milliseconds, milliseconds)),
        ]
    )


TIMINGS = tuple(timing(microseconds) for microseconds in range(500))


class CacheHits:
    """Knows the answers to plain requests for predictions that are in memory; all others are the application's."""

    def __init__(self, settings: Settings, container: Callable[[], Container]) -> None:
        self._container = container
        self._horizons = plain_horizons(settings.horizons)
        self._debug = settings.serving.log_level == "debug"

    def __call__(self, scope: Scope) -> tuple[int, bytes] | None:
        """Return status, headers and body of the answer to a request, and count it."""
        horizon = plain_horizon(scope, self._horizons)
        if horizon is None:
            return None
        started = perf_counter()
        fresh, known, request_id = _directives(scope["headers"])
        answer = None if fresh else self._find(scope["path"][PREFIX_LENGTH:], horizon)
        if answer is None:
            return None
        if self._debug:
            log.debug("cache.hit", path=scope["path"], layer="memory")
        is_known = answer.etag in known
        head = lines(answer.unchanged_headers) if is_known else answer.head
        body = b"" if is_known or scope["method"] == "HEAD" else answer.body
        seconds = perf_counter() - started
        (UNCHANGED_SECONDS if is_known else HIT_SECONDS).values.append(seconds)
        told = b"%b%bx-request-id: %b\r\n\r\n%b" % (head, _timing(seconds), request_id, body)
        return (304 if is_known else 200), told

    @cached_property
    def _find(self) -> Callable[[str, int], Rendered | None]:
        """Looked up once: the parts of a running service stay the same."""
        return self._container().predictor.hit


def _timing(seconds: float) -> bytes:
    microseconds = int(1e6 * seconds + 0.5)
    return TIMINGS[microseconds] if microseconds < len(TIMINGS) else timing(microseconds)


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
