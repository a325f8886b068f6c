"""Responses whose headers and body are bytes already."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON = b"application/json"

Headers = Iterable[tuple[bytes, bytes]]


class PreparedResponse(Response):
    """An answer of ready bytes; nothing is encoded or looked up to send it."""

    def __init__(self, body: bytes, headers: Headers, status: int = 200) -> None:
        """Take the parts as they are; the headers include type and length of the content."""
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [*headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def json_response(body: bytes, headers: Headers = (), status: int = 200, media_type: bytes = JSON) -> PreparedResponse:
    """Return an answer of rendered JSON."""
    described = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    return PreparedResponse(body, [*described, *headers], status)
