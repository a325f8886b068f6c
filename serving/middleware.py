"""Around every answer, BentoML's own included: timing headers, and errors as problem details."""

import json
import logging
from http import HTTPStatus
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import MEDIA_TYPE, Problem
from serving.timing import server_timing, stages

log = logging.getLogger(__name__)

LONGEST_DETAIL = 500


class Envelope:
    """Adds `X-Response-Time` and `Server-Timing`, and rewrites errors that are not problem details yet."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope["path"], send)
        token = stages.set(answer.seconds)
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            if answer.started and not answer.finished:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            if answer.finished:
                return
            await answer.problem(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "This request failed; the log says why."))
        finally:
            stages.reset(token)


class _Answer:
    """One answer on its way out."""

    def __init__(self, path: str, send: Send) -> None:
        self.started = self.finished = False
        self.seconds: dict[str, float] = {}
        self._path = path
        self._send = send
        self._since = perf_counter()
        self._held: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_foreign_error(message):
            self._held = message
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self.problem(_translate(self._held, self._body))
        else:
            if message["type"] == "http.response.start":
                self.started = True
                message["headers"] = [*message["headers"], *self._timing()]
            await self._send(message)
            self.finished = message["type"] == "http.response.body" and not message.get("more_body")

    async def problem(self, problem: Problem) -> None:
        body = problem.render(self._path)
        given = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
        headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        start = {"type": "http.response.start", "status": int(problem.status), "headers": [*headers, *self._timing()]}
        self.started = True
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
        self.finished = True

    def _timing(self) -> list[tuple[bytes, bytes]]:
        total = perf_counter() - self._since
        timing = server_timing({**self.seconds, "total": total})
        return [(b"x-response-time", f"{total:.3f}".encode()), (b"server-timing", timing.encode())]


def _is_foreign_error(start: Message) -> bool:
    kind = dict(start["headers"]).get(b"content-type", b"")
    return start["status"] >= HTTPStatus.BAD_REQUEST and not kind.startswith(MEDIA_TYPE.encode())


def _translate(start: Message, body: bytes) -> Problem:
    """An error of BentoML or Starlette as ours; BentoML says 400 where a value does not fit, which is 422."""
    status = HTTPStatus(start["status"])
    detail = _detail(body) or status.description or status.phrase
    if status == HTTPStatus.BAD_REQUEST:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    kept = {b"allow", b"retry-after", b"www-authenticate"}
    headers = {name.decode(): value.decode() for name, value in start["headers"] if name.lower() in kept}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers.setdefault("retry-after", "1")
    return Problem(status, detail, headers)


def _detail(body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    try:
        content: Any = json.loads(text)
    except ValueError:
        return text[:LONGEST_DETAIL]
    if isinstance(content, dict):
        content = content.get("detail") or content.get("error") or content
    if isinstance(content, list):
        return "; ".join(_one(problem) for problem in content)[:LONGEST_DETAIL]
    return str(content)[:LONGEST_DETAIL]


def _one(problem: Any) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    place = ".".join(str(part) for part in problem.get("loc", ()))
    return f"{place}: {problem.get('msg', 'not valid')}"
