"""Errors as RFC 9457 problem details, the one form in which any of them leaves the service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


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

    def body(self, instance: str) -> dict[str, object]:
        """The problem as the standard has it; `instance` is the path that was asked."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "instance": instance,
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
