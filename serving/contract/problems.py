"""Errors as RFC 9457 problem details, the one form in which any of them leaves the service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
# Characters.
LONGEST_DETAIL = 500
LONGEST_ECHO = 100


@dataclass(slots=True)
class Problem(Exception):
    """A request that cannot be answered as asked.

    Attributes:
        status: of the HTTP answer.
        detail: what is wrong and what to do, for a person.
        headers: that the answer carries beside the usual ones.
    """

    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail

    def body(self, instance: str) -> dict[str, object]:
        """The problem as the standard has it; `instance` is the path that was asked."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "instance": instance[:LONGEST_ECHO],
        }

    def render(self, instance: str) -> bytes:
        """The body as JSON."""
        return json.dumps(self.body(instance)).encode()


def not_found(detail: str) -> Problem:
    """404."""
    return Problem(HTTPStatus.NOT_FOUND, detail)


def unprocessable(detail: str) -> Problem:
    """422."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def unavailable(detail: str, retry_after: int) -> Problem:
    """503; `retry_after` in seconds."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(retry_after)})


def forbidden(detail: str) -> Problem:
    """403."""
    return Problem(HTTPStatus.FORBIDDEN, detail)


def too_many(detail: str, retry_after: int) -> Problem:
    """429; `retry_after` in seconds."""
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(retry_after)})


def translate(code: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Problem:
    """An error of BentoML or Starlette as ours; BentoML says 400 where a value does not fit, which is 422."""
    status = HTTPStatus(code)
    detail = _detail(body) or status.description or status.phrase
    if status == HTTPStatus.BAD_REQUEST:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    kept = {b"allow", b"retry-after", b"www-authenticate"}
    passed = {name.decode(): value.decode() for name, value in headers if name.lower() in kept}
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        passed.setdefault("retry-after", "1")
    return Problem(status, detail, passed)


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
    text = str(problem.get("msg") or problem.get("error") or "not valid")
    return f"{place}: {text}" if place else text
