"""GET and POST of predictions: what every door calls, whoever parsed the request."""

from starlette.responses import Response

from serving.contract.problems import MEDIA_TYPE, Problem
from serving.http.responses import PreparedResponse
from serving.predictions.cached import CachedPredictor

BYPASS = b"no-cache"


async def predict(predictor: CachedPredictor, ticker: str, horizon: int, *, fresh: bool) -> Response:
    """Answer GET /predict/{ticker}.

    Args:
        fresh: whether features and model are computed for this request alone.

    Raises:
        Problem: 422 or 404 for what cannot be asked, 503 when nothing is known.
    """
    served = await predictor.answer(ticker, horizon, fresh=fresh)
    return PreparedResponse(served.answer.body, [(b"x-cache", served.layer.encode())])


async def predict_many(predictor: CachedPredictor, tickers: list[str], horizon: int) -> Response:
    """Answer POST /predict; a ticker that fails becomes a problem in the answer."""
    try:
        predictions = await predictor.predict_many(tickers, horizon)
    except Problem as problem:
        return problem_response(problem, "/predict")
    return PreparedResponse(predictions.model_dump_json().encode())


def problem_response(problem: Problem, instance: str) -> Response:
    """A problem about the path `instance` as an answer."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    return PreparedResponse(problem.render(instance), headers, int(problem.status), MEDIA_TYPE.encode())


def bypasses_cache(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the client wants an answer computed for it alone."""
    return any(name == b"cache-control" and BYPASS in value.lower() for name, value in headers)
