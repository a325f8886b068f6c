"""The shortest way: a prediction that is in memory leaves before any framework sees the request."""

from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from configuration import Settings
from serving import metrics
from serving.cached_predictor import CachedPredictor
from serving.rendered import Rendered

log = structlog.get_logger(__name__)

PREFIX = "/predict/"
BYPASS = b"no-cache"

Headers = list[tuple[bytes, bytes]]


class Hits:
    """Answers `GET /predict/{ticker}` from memory where it can, and hands everything else on."""

    def __init__(self, app: ASGIApp, settings: Settings, predictor: Callable[[], CachedPredictor]) -> None:
        """Wrap `app`; `predictor` is called once requests come in."""
        self._app = app
        self._predictor = predictor
        self._debug = settings.serving.log_level == "debug"
        self._horizons = {f"horizon={horizon}".encode(): horizon for horizon in settings.horizons} | {b"": 1}
        self._seconds = metrics.REQUESTS.labels("GET", metrics.PREDICT, "200")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        answer = self._find(scope)
        if answer is None:
            await self._app(scope, receive, send)
            return
        headers = _headers(answer, perf_counter() - started)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        self._seconds.observe(perf_counter() - started)
        self._predictor().served(answer, "memory")
        if self._debug:
            log.debug("cache hit", path=scope["path"], layer="memory")

    def _find(self, scope: Scope) -> Rendered | None:
        horizon = self._horizons.get(scope["query_string"])
        if horizon is None or bypasses_cache(scope["headers"]):
            return None
        ticker = scope["path"][len(PREFIX) :]
        predictor = self._predictor()
        return predictor.at_once(ticker, horizon) or predictor.at_once(ticker.upper(), horizon)


def bypasses_cache(headers: Headers) -> bool:
    """Whether the client wants an answer computed for it alone."""
    return any(name == b"cache-control" and BYPASS in value.lower() for name, value in headers)


def _headers(answer: Rendered, seconds: float) -> Headers:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-cache", b"memory"),
        (b"x-response-time", b"%.3f" % seconds),
        (b"server-timing", b"cache;dur=%.3f, total;dur=%.3f" % (1000 * seconds, 1000 * seconds)),
    ]
