"""Around every answer, BentoML's own included: timing headers, figures, and errors as problem details."""

import math
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from http import HTTPStatus
from random import getrandbits
from time import perf_counter
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from configuration import Settings
from logs import request_id
from serving.contract.problems import MEDIA_TYPE, Problem, translate, unavailable
from serving.telemetry import metrics, tracing
from serving.telemetry.timing import server_timing, stages

log = structlog.get_logger(__name__)

REQUEST_ID = b"x-request-id"
LONGEST_ID = 64
METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Paths that BentoML answers itself.
NATIVE = frozenset({"/predict", "/livez", "/readyz", "/healthz", "/docs.json", "/schema.json"})


_requests = cache(metrics.REQUESTS.labels)
_stages = cache(metrics.STAGES.labels)


class AnswerMiddleware:
    """Adds `X-Response-Time`, `Server-Timing` and `X-Request-ID`, and rewrites errors that are no problem details yet.

    Refuses what would be too many requests in flight at once.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._most = math.ceil(settings.serving.max_concurrency / settings.serving.workers)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        stages.set(answer.seconds)
        request_id.set(answer.request_id)
        self._in_flight += 1
        try:
            with _span(scope) as span:
                await self._answer(answer, scope, receive)
                if span is not None:
                    span.update_name(f"{scope['method']} {_route(scope)}")
        finally:
            self._in_flight -= 1
            answer.observe()

    async def _answer(self, answer: "_Answer", scope: Scope, receive: Receive) -> None:
        try:
            if self._in_flight > self._most and not scope["path"].endswith(("/livez", "/readyz")):
                metrics.REFUSED.inc()
                await answer.problem(unavailable(f"{self._most} requests are in flight; ask again", retry_after=1))
            else:
                await self._app(scope, receive, answer.send)
        except Problem as problem:
            await answer.problem(problem)
        except Exception:
            if answer.started and not answer.finished:
                raise
            log.exception("failed", method=scope["method"], path=scope["path"])
            if not answer.finished:
                sorry = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This request failed; the log says why.")
                await answer.problem(sorry)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = self.finished = False
        self.seconds: dict[str, float] = {}
        self.request_id = request_id_of(scope)
        self._scope = scope
        self._send = send
        self._since = perf_counter()
        self._held: Message | None = None
        self._body = b""
        self._status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_foreign_error(message):
            self._held = message
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self.problem(translate(self._held["status"], self._held["headers"], self._body))
        else:
            if message["type"] == "http.response.start":
                self._start(message)
            await self._send(message)
            self.finished = message["type"] == "http.response.body" and not message.get("more_body")

    async def problem(self, problem: Problem) -> None:
        body = problem.render(self._scope["path"])
        given = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        start = {"type": "http.response.start", "status": int(problem.status), "headers": headers}
        self._start(start)
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
        self.finished = True

    def observe(self) -> None:
        """Count the request under its route."""
        method = self._scope["method"] if self._scope["method"] in METHODS else metrics.UNKNOWN
        labels = (method, _route(self._scope), str(self._status or 499))
        _requests(*labels).observe(perf_counter() - self._since)
        for name, spent in self.seconds.items():
            _stages(name).observe(spent)

    def _start(self, message: Message) -> None:
        self.started, self._status = True, message["status"]
        total = perf_counter() - self._since
        timing = server_timing({**self.seconds, "total": total})
        message["headers"] = [
            *message["headers"],
            (b"x-response-time", f"{total:.3f}".encode()),
            (b"server-timing", timing.encode()),
            (REQUEST_ID, self.request_id.encode()),
        ]


def _span(scope: Scope) -> AbstractContextManager[Any]:
    if not tracing.enabled():
        return nullcontext()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return tracing.request_span(scope["method"], headers)


def _is_foreign_error(start: Message) -> bool:
    kind = dict(start["headers"]).get(b"content-type", b"")
    return start["status"] >= HTTPStatus.BAD_REQUEST and not kind.startswith(MEDIA_TYPE.encode())


def request_id_of(scope: Scope) -> str:
    """The client's own, if it is a short plain word; else a new one."""
    given = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"").decode("latin-1")
    plain = given.isascii() and given.isprintable() and 0 < len(given) <= LONGEST_ID
    return given if plain else f"{getrandbits(128):032x}"


def _route(scope: Scope) -> str:
    route = scope.get("route")
    template = route if isinstance(route, str) else getattr(route, "path", None)
    if isinstance(template, str):
        return template
    path: str = scope["path"]
    return path if path in NATIVE else metrics.UNKNOWN
