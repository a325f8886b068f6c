"""GET and POST of predictions: what every door calls, whoever parsed the request."""

from starlette.responses import Response

from serving.contract.problems import MEDIA_TYPE, Problem
from serving.contract.rendering import to_json
from serving.contract.validation import Asked
from serving.http.responses import PreparedResponse, json_response
from serving.predictions.cached import CachedPredictor
from serving.predictions.rendered import Served

CACHE_CONTROL, IF_NONE_MATCH = b"cache-control", b"if-none-match"
BYPASS = b"no-cache"

Headers = list[tuple[bytes, bytes]]


async def predict(
    predictor: CachedPredictor, ticker: str, horizon: int, headers: Headers, asked: Asked | None = None
) -> Response:
    """Answer GET /predict/{ticker}.

    Args:
        headers: of the request. `Cache-Control: no-cache` has features and model computed for this request alone;
            `If-None-Match` with the ETag of the answer gets 304 without a body.
        asked: of the distribution, beside the usual.

    Raises:
        Problem: 422 or 404 for what cannot be asked, 503 when nothing is known.
    """
    fresh, known = cache_directives(headers)
    if asked is None:
        served = await predictor.answer(ticker, horizon, fresh=fresh)
    else:
        served = await predictor.describe(ticker, horizon, asked, fresh=fresh)
    return served_response(served, known)


def served_response(served: Served, known: bytes = b"") -> Response:
    """A prediction as an answer; without its body to a client that has it already, whose ETags are `known`."""
    layer = (b"x-cache", served.layer.encode())
    if served.answer.etag in known:
        return PreparedResponse(b"", [*served.answer.unchanged_headers, layer], 304)
    return PreparedResponse(served.answer.body, [*served.answer.headers, layer])


async def predict_many(predictor: CachedPredictor, tickers: list[str], horizon: int) -> Response:
    """Answer POST /predict; a ticker that fails becomes a problem in the answer."""
    try:
        predictions = await predictor.predict_many(tickers, horizon)
    except Problem as problem:
        return problem_response(problem, "/predict")
    return json_response(to_json(predictions))


def problem_response(problem: Problem, instance: str) -> Response:
    """A problem about the path `instance` as an answer."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    return json_response(problem.render(instance), headers, int(problem.status), MEDIA_TYPE.encode())


def cache_directives(headers: Headers) -> tuple[bool, bytes]:
    """Return whether the client wants an answer computed for it alone, and the ETags of those that it has."""
    fresh, known = False, b""
    for name, value in headers:
        if name == CACHE_CONTROL:
            fresh = fresh or BYPASS in value.lower()
        elif name == IF_NONE_MATCH:
            known = value
    return fresh, known
