"""Requests that are understood without a framework: nothing in them is unusual."""

import re
from collections.abc import Mapping, Sequence

from starlette.types import Receive, Scope

from serving.telemetry import metrics

INFER_ROUTE = "/v2/models/{name}/infer"
INFER = re.compile("/v2/models/([^/]+)/infer")
SMALL_BODY_BYTES = 65536
# Other servers of the protocol do not look at the type, and `curl -d` names forms.
INFERENCE_TYPES = frozenset({b"", b"application/json", b"application/x-www-form-urlencoded"})

READING = frozenset({"GET", "HEAD"})

Horizons = Mapping[bytes, int]


def plain_horizons(horizons: Sequence[int]) -> Horizons:
    """The configured horizons by the query string that a plain request for them has."""
    named = {f"horizon={horizon}".encode(): horizon for horizon in horizons}
    return {b"": 1} | named if 1 in horizons else named


def plain_horizon(scope: Scope, horizons: Horizons) -> int | None:
    """What a plain request for a prediction asks for; None for every other request."""
    if scope["method"] not in READING or not scope["path"].startswith(metrics.PREDICT_PREFIX):
        return None
    return horizons.get(scope["query_string"])


def plain_inference(scope: Scope) -> str | None:
    """The model that a small request of the Open Inference Protocol names; None for every other request."""
    found = INFER.fullmatch(scope["path"]) if scope["method"] == "POST" and not scope["query_string"] else None
    if found is None:
        return None
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    small = length.isdigit() and 0 < int(length) <= SMALL_BODY_BYTES
    return found[1] if small and headers.get(b"content-type", b"") in INFERENCE_TYPES else None


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request, which the server holds to its announced length."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body
