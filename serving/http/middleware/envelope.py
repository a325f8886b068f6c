"""Around every answer, BentoML's own included: timing headers, counts, and errors as problem details."""

from contextlib import AbstractContextManager
from http import HTTPStatus
from time import perf_counter
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configuration import Settings
from logs import request_id
from serving.contract.problems import MEDIA_TYPE, Problem, translate
from serving.http.middleware.native import NATIVE_PATHS
from serving.http.middleware.places import Places
from serving.http.middleware.request_ids import REQUEST_ID, request_id_of
from serving.telemetry import metrics, tracing
from serving.telemetry.batches import histogram
from serving.telemetry.timing import server_timing, stages

log = structlog.get_logger(__name__)

EVENT_STREAM = b"text/event-stream"
METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Counted for a client that went before its answer began.
CLIENT_LEFT = 499
FAILED = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This request failed; the log says why.")


class Envelope:
    """Adds `X-Response-Time`, `Server-Timing` and `X-Request-ID`, and rewrites errors that are no problem details yet.

    Answers HEAD as GET without the body. Refuses what would be too many requests in flight at once.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._places = Places(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        stages.set(answer.seconds)
        request_id.set(answer.request_id.decode("ascii"))
        try:
            with self._places.taken(scope["path"]):
                if tracing.enabled():
                    with _span(scope) as span:
                        await self._app(answer.scope, receive, answer.send)
                        span.update_name(f"{scope['method']} {_route(answer.scope)}")
                else:
                    await self._app(answer.scope, receive, answer.send)
        except Problem as problem:
            await answer.problem(problem)
        except Exception:
            if answer.started and not answer.finished:
                raise
            log.exception("request.failed", method=scope["method"], path=scope["path"])
            if not answer.finished:
                await answer.problem(FAILED)
        finally:
            answer.observe()


class _Answer:
    """One answer on its way out.

    Attributes:
        scope: of the request as the application sees it, HEAD as GET with `is_head`.
        seconds: that each stage took.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = self.finished = False
        self.seconds: dict[str, float] = {}
        self.request_id = request_id_of(scope)
        self.scope = scope if scope["method"] != "HEAD" else {**scope, "method": "GET", "is_head": True}
        self._method = scope["method"]
        self._send = send
        self._since = perf_counter()
        self._answered_at: float | None = None
        self._held: Message | None = None
        self._body = b""
        self._status = 0

    async def send(self, message: Message) -> None:
        if self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self.problem(translate(self._held["status"], self._held["headers"], self._body))
        elif message["type"] == "http.response.body":
            await self._send_body(message)
        elif _is_foreign_error(message):
            self._held = message
        else:
            self._start(message)
            await self._send(message)

    async def problem(self, problem: Problem) -> None:
        body = problem.render(self.scope["path"])
        given = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        start = {"type": "http.response.start", "status": int(problem.status), "headers": headers}
        self._start(start)
        await self._send(start)
        await self._send_body({"type": "http.response.body", "body": body})

    def observe(self) -> None:
        """Count the request under its route, HEAD as GET; one with a method that its route does not have under none."""
        method = self.scope["method"] if self.scope["method"] in METHODS else metrics.UNKNOWN
        route = metrics.UNKNOWN if self._status == HTTPStatus.METHOD_NOT_ALLOWED else _route(self.scope)
        labels = (method, route, str(self._status or CLIENT_LEFT))
        histogram(metrics.REQUESTS, *labels).values.append((self._answered_at or perf_counter()) - self._since)
        for name, spent in self.seconds.items():
            histogram(metrics.STAGES, name).values.append(spent)

    async def _send_body(self, message: Message) -> None:
        if self._method == "HEAD":
            if not self.finished:
                self.finished = True
                await self._send({"type": "http.response.body", "body": b""})
            return
        await self._send(message)
        self.finished = not message.get("more_body")

    def _start(self, message: Message) -> None:
        self.started, self._status = True, message["status"]
        if _is_stream(message):
            self._answered_at = perf_counter()
        total = perf_counter() - self._since
        timing = server_timing({**self.seconds, "total": total})
        message["headers"] = [
            *message["headers"],
            (b"x-response-time", b"%.3f" % total),
            (b"server-timing", timing.encode()),
            (REQUEST_ID, self.request_id),
        ]


def _span(scope: Scope) -> AbstractContextManager[Any]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return tracing.request_span(scope["method"], headers)


def _is_stream(start: Message) -> bool:
    """Return whether an answer has no end of its own; it counts as answered when it begins."""
    kind: bytes = dict(start["headers"]).get(b"content-type", b"")
    return kind.startswith(EVENT_STREAM)


def _is_foreign_error(start: Message) -> bool:
    if start["status"] < HTTPStatus.BAD_REQUEST:
        return False
    return not dict(start["headers"]).get(b"content-type", b"").startswith(MEDIA_TYPE.encode())


def _route(scope: Scope) -> str:
    route = scope.get("route")
    template = route if isinstance(route, str) else getattr(route, "path", None)
    if isinstance(template, str):
        return template
    path: str = scope["path"]
    return path if path in NATIVE_PATHS else metrics.UNKNOWN
