"""The answer to a request that is refused while it arrives, as it goes over the wire."""

from http import HTTPStatus

from serving.contract.problems import MEDIA_TYPE, Problem
from serving.http.middleware.request_ids import new_request_id
from serving.telemetry import metrics


def refusal(status: HTTPStatus, detail: str, path: str) -> bytes:
    """Return a whole HTTP answer with the problem, and count it."""
    metrics.REQUESTS.labels(metrics.UNKNOWN, metrics.UNKNOWN, str(int(status))).observe(0.0)
    body = Problem(status, detail).render(path)
    lines = (
        f"HTTP/1.1 {int(status)} {status.phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "connection: close",
        "x-response-time: 0.000",
        "server-timing: total;dur=0.00",
        f"x-request-id: {new_request_id().decode()}",
    )
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
