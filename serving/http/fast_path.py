"""Predictions that never reach the frameworks, which cost more than the work itself.

`Hits` stands outermost and answers what is in memory. `Misses` stands inside the envelope and answers what has to be
computed, `Rows` beside it what goes to a forest directly. Anything unusual about a request, such as a horizon that is
not configured, takes the long way to the route.
"""

import re
from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving.http.middleware import REQUEST_ID, request_id_of
from serving.models.open_inference import Inference
from serving.predictions.cached import CachedPredictor
from serving.predictions.rendered import Rendered
from serving.telemetry import metrics

log = structlog.get_logger(__name__)

PREFIX = metrics.PREDICT.removesuffix("{ticker}")
BYPASS = b"no-cache"
INFER_ROUTE = "/v2/models/{name}/infer"
INFER = re.compile("/v2/models/([^/]+)/infer")
SMALL_BODY = 65536

Headers = list[tuple[bytes, bytes]]


class _Shortcut:
    def __init__(self, app: ASGIApp, settings: Settings, predictor: Callable[[], CachedPredictor]) -> None:
        """Wrap `app`; `predictor` is called once requests come in."""
        self._app = app
        self._predictor = predictor
        self._debug = settings.serving.log_level == "debug"
        self._horizons = {f"horizon={horizon}".encode(): horizon for horizon in settings.horizons}
        if 1 in settings.horizons:
            self._horizons[b""] = 1

    def _horizon(self, scope: Scope) -> int | None:
        """What a plain request for a prediction asks for; None for every other request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
            return None
        return self._horizons.get(scope["query_string"])


class CacheHitMiddleware(_Shortcut):
    """Answers from memory where it can."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        horizon = self._horizon(scope)
        started = perf_counter()
        answer = self._find(scope, horizon) if horizon is not None else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        milliseconds = 1000 * (perf_counter() - started)
        more = [
            (b"x-response-time", b"%.3f" % (milliseconds / 1000)),
            (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (milliseconds, milliseconds)),
            (REQUEST_ID, request_id_of(scope).encode()),
        ]
        await _send(send, answer, b"memory", more)
        HIT_SECONDS.observe(perf_counter() - started)
        self._predictor().served(answer, "memory")
        if self._debug:
            log.debug("cache hit", path=scope["path"], layer="memory")

    def _find(self, scope: Scope, horizon: int) -> Rendered | None:
        if bypasses_cache(scope["headers"]):
            return None
        ticker, predictor = scope["path"][len(PREFIX) :], self._predictor()
        return predictor.at_once(ticker, horizon) or predictor.at_once(ticker.upper(), horizon)


class PredictionMiddleware(_Shortcut):
    """Has everything else computed; a Problem is left to the envelope around it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        horizon = self._horizon(scope)
        if horizon is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = metrics.PREDICT
        fresh = bypasses_cache(scope["headers"])
        predictor = self._predictor()
        found = await predictor.answer(scope["path"][len(PREFIX) :], horizon, fresh=fresh)
        await _send(send, found.answer, found.layer.encode(), [])
        predictor.served(found.answer, "bypass" if fresh else found.layer)


class InferenceMiddleware:
    """Answers small requests of the Open Inference Protocol; a Problem is left to the envelope around it."""

    def __init__(self, app: ASGIApp, inference: Callable[[], Inference]) -> None:
        """Wrap `app`; `inference` is called once requests come in."""
        self._app = app
        self._inference = inference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = INFER.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None or not _is_small(scope["headers"]):
            await self._app(scope, receive, send)
            return
        scope["route"] = INFER_ROUTE
        answer = await self._inference().infer(found[1], await _body(receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _is_small(headers: Headers) -> bool:
    length = next((value for name, value in headers if name == b"content-length"), b"")
    return length.isdigit() and int(length) <= SMALL_BODY


async def _body(receive: Receive) -> bytes:
    """The whole body of a request, which the server holds to its announced length."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


HIT_SECONDS = metrics.REQUESTS.labels("GET", metrics.PREDICT, "200")


def bypasses_cache(headers: Headers) -> bool:
    """Whether the client wants an answer computed for it alone."""
    return any(name == b"cache-control" and BYPASS in value.lower() for name, value in headers)


async def _send(send: Send, answer: Rendered, layer: bytes, more: Headers) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-cache", layer),
        *more,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
