"""Responses whose headers and body are bytes already."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON = b"application/json"

Headers = Iterable[tuple[bytes, bytes]]


class PreparedResponse(Response):
    """An answer of ready bytes; nothing is encoded or looked up to send it."""

    def __init__(self, body: bytes, headers: Headers = (), status: int = 200, media_type: bytes = JSON) -> None:
        """Take the parts as they are; content type and length are added."""
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})
